"""The clips of a cell: an episode as it is drawn, degraded, and in other lights and looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from worldsim.agents.collect import Collector
from worldsim.episode import Episode
from worldsim.floors.degrade import blurred, through_codec
from worldsim.floors.plan import Cell, Plan
from worldsim.render import draw_states
from worldsim.sim.look import LOOKS
from worldsim.sim.scene import Light, Scene

RENDER = "F1 render"
DEGRADED: dict[str, Callable[[Episode], Episode]] = {
    "F2 blur": blurred,
    "F2 codec": through_codec,
}
MODEL = "F2 model"
SIMULATOR = "F3 simulator"
LOOKED = ("evening", "metal", "noon", "matte")
OTHER_LIGHT = Light(direction=(-0.6, 0.5, 0.9), ambient=0.45, diffuse=0.75)


@dataclass(frozen=True)
class Source:
    """A clip and which floor it stands for; its scene is the one that it is read by."""

    floor: str
    clip: Episode


@lru_cache(maxsize=1)
def simulated(scenario: str, steps: int, seed: int, index: int) -> Episode:
    """The states of an episode, with frames of nothing."""
    return Collector(scenario, seed=seed, steps=steps, frames=False)(index)


def true_episode(cell: Cell, plan: Plan, index: int) -> Episode:
    """Episode `index` drawn at the cell's size in the simulator's own look."""
    states_only = simulated(cell.scenario, plan.steps, plan.seed, index)
    camera = states_only.scene.camera.resized(cell.size_px, cell.size_px)
    return drawn(states_only, replace(states_only.scene, camera=camera))


def drawn(episode: Episode, scene: Scene) -> Episode:
    """An episode's states drawn as another scene's."""
    assert episode.states is not None
    frames, depth_m, segmentation = draw_states(scene, episode.states)
    return replace(episode, scene=scene, frames=frames, depth_m=depth_m, segmentation=segmentation)


def sources(
    truth: Episode, reconstruct: Callable[[Episode], Episode] | None = None
) -> Iterator[Source]:
    """F1, F2 and F4 of a drawn episode; every clip is read as if it were the true one."""
    yield Source(RENDER, truth)
    for name, degrade in DEGRADED.items():
        yield Source(name, degrade(truth))
    if reconstruct is not None:
        yield Source(MODEL, reconstruct(truth))
    scenes = {name: truth.scene.with_look(LOOKS[name]) for name in LOOKED}
    scenes["light"] = replace(truth.scene, light=OTHER_LIGHT)
    for name, scene in scenes.items():
        yield Source(f"F4 {name}", replace(drawn(truth, scene), scene=truth.scene))
