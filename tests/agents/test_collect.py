"""Collector: every episode a function of its number, in touch with a body, smooth and varied."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest

from worldsim.agents.collect import Collector
from worldsim.data.store import encode
from worldsim.episode import Episode
from worldsim.errors import InputError

COLLECTOR = Collector("push", "id", seed=1, steps=64)
DIGEST = """
import hashlib
from worldsim.agents.collect import Collector
from worldsim.data.store import encode
Collector("push", "id", seed=1, steps=20)(0)
print(hashlib.sha256(encode(Collector("push", "id", seed=1, steps=20)(3))).hexdigest())
"""


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return [COLLECTOR(index) for index in range(16)]


def test_bytes_depend_on_the_number_only() -> None:
    here = encode(Collector("push", "id", seed=1, steps=20)(3))
    there = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
    )
    assert hashlib.sha256(here).hexdigest() == there.stdout.strip()


def test_an_environment_is_kept_but_not_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    maker, made = Collector("drop", steps=3), []
    make = gymnasium.make
    monkeypatch.setattr(gymnasium, "make", lambda *a, **k: made.append(a) or make(*a, **k))
    first = encode(maker(1))
    assert encode(maker(1)) == first and len(made) == 1
    with monkeypatch.context() as broken:
        broken.setattr("worldsim.agents.collect.Explore", lambda: None)
        with pytest.raises(AttributeError):
            maker(0)
    assert encode(maker(1)) == first and len(made) == 2


def test_numbers_and_seeds_differ(episodes: list[Episode]) -> None:
    assert len({episode.scene for episode in episodes}) == len(episodes)
    assert Collector(seed=2, steps=2)(0).scene != episodes[0].scene


def test_fixed_length_even_after_success(episodes: list[Episode]) -> None:
    assert {episode.steps for episode in episodes} == {64}
    assert any((episode.rewards > 0.5).any() for episode in episodes)
    assert not any(episode.terminated.any() for episode in episodes)
    assert all(episode.truncated[-1] for episode in episodes)


def test_a_third_of_the_frames_have_contact(episodes: list[Episode]) -> None:
    shares = {"sphere": [], "box": [], "any": []}  # type: dict[str, list[float]]
    for episode in episodes:
        assert episode.contacts is not None
        pusher = episode.scene.index("pusher")
        touching = {
            name: episode.contacts.touching(pusher, episode.scene.index(name))
            for name in ("sphere", "box")
        }
        for name, hit in touching.items():
            shares[name].append(float(hit.mean()))
        shares["any"].append(float((touching["sphere"] | touching["box"]).mean()))
    assert np.mean(shares["any"]) >= 1 / 3
    assert min(np.mean(shares["sphere"]), np.mean(shares["box"])) > 0.1


def test_bodies_meet_walls(episodes: list[Episode]) -> None:
    def hits_wall(episode: Episode, name: str) -> bool:
        assert episode.contacts is not None
        walls = [i for i, body in enumerate(episode.scene.bodies) if body.name.startswith("wall")]
        mine = episode.scene.index(name)
        return any(episode.contacts.touching(mine, wall).any() for wall in walls)

    for name in ("sphere", "box"):
        assert any(hits_wall(episode, name) for episode in episodes)
        assert not all(hits_wall(episode, name) for episode in episodes)


def test_actions_are_smooth_and_of_all_speeds(episodes: list[Episode]) -> None:
    actions = np.stack([episode.actions for episode in episodes])
    speed = np.linalg.norm(actions, axis=-1)
    low, middle, high = np.quantile(speed, (0.05, 0.5, 0.95))
    assert low < 0.2 < middle < 0.8 < high
    assert (speed == 0.0).any()
    steps = np.linalg.norm(np.diff(actions, axis=1), axis=-1)
    assert np.median(steps) < 0.2 and steps.max() < 1.3


def test_it_pickles() -> None:
    assert pickle.loads(pickle.dumps(COLLECTOR)) == COLLECTOR


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"scenario": "pusch"}, "push"),
        ({"split": "odd"}, "ood"),
        ({"seed": -1}, "seed"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(arguments: dict[str, Any], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        Collector(**arguments)


def test_numbers_start_at_0() -> None:
    with pytest.raises(InputError, match="start at 0"):
        COLLECTOR(-1)
