"""Real episodes of the simulator, and frames rendered anew from changed states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.agents.collect import Collector
from worldsim.episode import Episode
from worldsim.render import Renderer
from worldsim.render.renderer import Images
from worldsim.sim.scene import Scene
from worldsim.sim.simulator import Simulator

STEPS = 24
Rerender = Callable[..., Episode]
Resimulate = Callable[..., Episode]


@pytest.fixture(scope="session")
def episodes() -> list[Episode]:
    """Four episodes of the exploring policy, 24 steps each."""
    pytest.importorskip("pybullet")
    collector = Collector(seed=11, steps=STEPS)
    return [collector(index) for index in range(4)]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as one:
        yield one


@pytest.fixture(scope="session")
def rerender() -> Rerender:
    """An episode's frames from other places and another look, through the same renderer.

    `position_m` (T+1, N, 3) replaces the true places; `look(scene, t)` may change the scene.
    """

    def render(
        episode: Episode,
        position_m: NDArray[np.float64] | None = None,
        look: Callable[[Scene, int], Scene] | None = None,
    ) -> Episode:
        states = episode.states
        assert states is not None
        places = states.position_m if position_m is None else position_m
        images = []
        for t, (place, turn) in enumerate(zip(places, states.orientation_xyzw, strict=True)):
            scene = episode.scene if look is None else look(episode.scene, t)
            images.append(Renderer(scene).draw(place, turn))
        return planted(episode, images)

    return render


def planted(episode: Episode, images: list[tuple[Any, Any, Any]]) -> Episode:
    """The episode with other images (RGB, depth, segmentation) and no truth of its own."""
    frames, depth_m, segmentation = (np.stack(column) for column in zip(*images, strict=True))
    return replace(
        episode,
        frames=frames,
        depth_m=depth_m,
        segmentation=segmentation,
        states=None,
        contacts=None,
        source="planted",
    )


def seen(renderer: Renderer, simulator: Simulator) -> Images:
    state = simulator.state()
    return renderer.draw(state["position_m"], state["orientation_xyzw"])


@pytest.fixture(scope="session")
def resimulate(simulator: Simulator) -> Resimulate:
    """An episode's scene under other actions, physics and all."""

    def run(episode: Episode, actions: NDArray[np.float32]) -> Episode:
        simulator.reset(episode.scene)
        renderer = Renderer(episode.scene)
        images = [seen(renderer, simulator)]
        for action in actions:
            simulator.step(action)
            images.append(seen(renderer, simulator))
        return replace(planted(episode, images), actions=actions)

    return run
