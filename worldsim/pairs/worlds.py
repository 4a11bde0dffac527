"""The simulator under given actions: clips with pictures, and an ensemble of possible futures."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worldsim.agents.rollout import replay
from worldsim.ceiling import SAME_M
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.sim.editor import Editor
from worldsim.sim.scenarios import find_scenario
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

Float = NDArray[np.float64]
Actions = NDArray[np.float32]
_SEEDS = 2**31


def simulated(recorded: Episode, actions: Mapping[str, Actions]) -> dict[str, Episode]:
    """The recorded scene under each of the actions (T, A), drawn as it was recorded."""
    scene = recorded.scene
    env = gymnasium.make(
        find_scenario(scene.scenario).env_id,
        max_episode_steps=recorded.steps,
        disable_env_checker=True,
        size_px=scene.camera.height_px,
        end_on_success=False,
    )
    try:
        options = {"scene": scene}
        return {label: replay(env, acted, options=options) for label, acted in actions.items()}
    finally:
        env.close()


def check_replay(recorded: Episode, again: Episode) -> None:
    """Raises InputError unless the episode came out as it was recorded."""
    if recorded.states is None or again.states is None:
        raise InputError("a recording without states cannot be run again; record it anew")
    apart_m = np.abs(again.states.position_m - recorded.states.position_m).max()
    if apart_m > SAME_M:
        raise InputError(
            f"the recording runs {apart_m:.2g} m off when it is simulated again: it was made with "
            "another version of worldsim or pybullet; record it anew"
        )


def futures(episode: Episode, start: int, runs: int, sigma_m: float, rng: Generator) -> Float:
    """Places (runs, T+1, N, 3) in metres that may follow on frame `start` under the actions.

    What the frame does not show is drawn anew for each run: masses, frictions and restitutions, as
    the scenario draws them, and places by the reading's error `sigma_m` along x and y.
    """
    scene = episode.scene
    with Simulator(seen=False) as simulator:
        places = []
        for _ in range(runs):
            simulator.reset(scene)
            for action in episode.actions[:start]:
                simulator.step(action)
            hands = simulator.edit()
            _redraw(hands, scene, rng)
            for body in scene.bodies:
                shift_m = rng.normal(0.0, sigma_m, 3) * (1.0, 1.0, 0.0)
                if hands.loose(body.name):
                    hands.shift(body.name, shift_m.tolist())
            rows = [simulator.state()["position_m"]]
            for action in episode.actions[start:]:
                simulator.step(action)
                rows.append(simulator.state()["position_m"])
            places.append(rows)
    return np.array(places)


def _redraw(hands: Editor, scene: Scene, rng: Generator) -> None:
    """Bodies take what those of their names are made of in another scene of the scenario."""
    scenario = find_scenario(scene.scenario)
    matter = {
        body.name: body
        for body in scenario.make_scene(int(rng.integers(_SEEDS)), scene.split).bodies
    }
    for body in scene.bodies:
        other = matter.get(body.name)
        if hands.loose(body.name) and other is not None and other.mass_kg > 0.0:
            hands.matter(body.name, other.mass_kg, other.friction, other.restitution)
