"""CrossEntropy: finds what is best, follows its plans, and repeats by its seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worldsim.agents.cem import CrossEntropy, Plan
from worldsim.sim.scenarios import make_scene

FRAME = np.zeros((4, 4, 3), np.uint8)
BEST = np.array([0.4, -0.8])


class Hill:
    """Plans are worth the more the nearer their actions are to `BEST`."""

    def __init__(self) -> None:
        self.tried: list[NDArray[np.float32]] = []
        self.seen: list[NDArray[np.float32] | None] = []

    def begin(self, scene: object) -> None:
        self.seen.clear()

    def see(
        self,
        frame: NDArray[np.uint8],
        info: Mapping[str, Any],
        action: NDArray[np.float32] | None,
    ) -> None:
        self.seen.append(action)

    def value(self, plans: NDArray[np.float32]) -> NDArray[np.float64]:
        self.tried.append(plans)
        worth: NDArray[np.float64] = -np.square(plans - BEST).sum((1, 2)).astype(np.float64)
        return worth


def acted(policy: CrossEntropy, steps: int, seed: int = 0) -> NDArray[np.float32]:
    policy.reset(make_scene("push", 0), np.random.default_rng(seed))
    return np.stack([policy.act(FRAME, {}) for _ in range(steps)])


def test_it_finds_what_is_best() -> None:
    hill = Hill()
    actions = acted(CrossEntropy(hill, Plan(candidates=64, elites=8, rounds=8)), 8)
    assert np.abs(actions - BEST).max() < 0.15
    means = [plans.mean((0, 1)) for plans in hill.tried]
    off = [float(np.linalg.norm(mean - BEST)) for mean in means]
    assert off[-1] < 0.3 * off[0]


def test_it_plans_again_after_what_it_follows_and_sees_what_it_did() -> None:
    hill, plan = Hill(), Plan(knots=3, hold=2, rounds=2, follow=4)
    actions = acted(CrossEntropy(hill, plan), 9)
    assert len(hill.tried) == 3 * plan.rounds and hill.tried[0].shape == (plan.candidates, 6, 2)
    assert actions.dtype == np.float32 and np.abs(actions).max() <= 1.0
    assert np.array_equal(actions[0], actions[1]) and np.array_equal(actions[2], actions[3])
    assert hill.seen[0] is None and np.array_equal(np.stack(hill.seen[1:]), actions[:-1])  # type: ignore[arg-type]


def test_later_plans_begin_with_the_rest_of_the_last() -> None:
    hill = Hill()
    policy = CrossEntropy(hill, Plan(candidates=64, elites=8, rounds=6))
    acted(policy, 9)
    first, second = hill.tried[0], hill.tried[6]
    assert np.square(second[0] - BEST).sum() < 0.2 * np.square(first[0] - BEST).sum()


def test_a_seed_gives_the_same_actions() -> None:
    policy = CrossEntropy(Hill())
    one, other = acted(policy, 10, 3), acted(policy, 10, 4)
    assert np.array_equal(one, acted(policy, 10, 3)) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    "wrong", [{"elites": 0}, {"elites": 99}, {"knots": 0}, {"follow": 17}, {"rounds": 0}]
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a plan needs"):
        Plan(**wrong)
