"""CrossEntropy: plans by the cross-entropy method in whatever imagines what actions lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene

Float = NDArray[np.float64]
_LEAST_SPREAD = 0.1


class Imagination(Protocol):
    """What plans are tried out in: a model, or a simulator."""

    def begin(self, scene: Scene) -> None:
        """An episode begins."""

    def see(
        self,
        frame: NDArray[np.uint8],
        info: Mapping[str, Any],
        action: NDArray[np.float32] | None,
    ) -> None:
        """What the world shows now (H, W, 3), and the action (A,) since the last frame."""

    def value(self, plans: NDArray[np.float32]) -> Float:
        """What plans (N, T, A) from here are worth, (N,): the more the better."""


@dataclass(frozen=True)
class Plan:
    """How it is planned: `knots` actions, each held for `hold` frames, drawn `rounds` times.

    Each round draws `candidates` plans about the mean of the last round's best `elites`. A plan is
    followed for `follow` frames before the next is made, which begins with the last one's rest.
    """

    knots: int = 4
    hold: int = 4
    candidates: int = 24
    elites: int = 6
    rounds: int = 2
    follow: int = 8

    def __post_init__(self) -> None:
        least = min(self.knots, self.hold, self.elites, self.rounds, self.follow)
        if least < 1 or self.elites > self.candidates or self.follow > self.knots * self.hold:
            raise ValueError(
                "a plan needs numbers of 1 and more, no more elites than candidates, and no more "
                f"frames to follow than it has, got {self}"
            )


class CrossEntropy:
    """Model-predictive control by the cross-entropy method (Rubinstein 1999; PETS, section 5).

    A policy: it sees frames and infos, and tries plans in `imagination` alone.
    """

    def __init__(self, imagination: Imagination, plan: Plan | None = None) -> None:
        self.imagination = imagination
        self.plan = plan or Plan()

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng = rng
        self._mean = np.zeros((self.plan.knots, scene.action_spec.size))
        self._actions = np.zeros((0, scene.action_spec.size), np.float32)
        self._last: NDArray[np.float32] | None = None
        self.imagination.begin(scene)

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        self.imagination.see(observation, info, self._last)
        if not len(self._actions):
            best = self._search()
            self._actions = self._held(best[None])[0, : self.plan.follow]
            done = self.plan.follow // self.plan.hold
            rest = np.repeat(best[-1:], done, axis=0)
            self._mean = np.concatenate([best[done:], rest])
        self._last, self._actions = self._actions[0], self._actions[1:]
        return self._last

    def _search(self) -> Float:
        """The best plan that was tried, (knots, A)."""
        plan, mean = self.plan, self._mean
        spread = np.full_like(mean, 0.7)
        best, most = mean, -np.inf
        for _ in range(plan.rounds):
            tried = mean + spread * self._rng.standard_normal((plan.candidates, *mean.shape))
            tried[0] = best
            tried = tried.clip(-1.0, 1.0)
            value = self.imagination.value(self._held(tried))
            order = np.argsort(-value, kind="stable")
            if value[order[0]] > most:
                best, most = tried[order[0]], value[order[0]]
            elites = tried[order[: plan.elites]]
            mean, spread = elites.mean(0), np.maximum(elites.std(0), _LEAST_SPREAD)
        return best

    def _held(self, knots: Float) -> NDArray[np.float32]:
        """Plans (N, knots, A) as actions (N, T, A)."""
        return np.repeat(knots, self.plan.hold, axis=1).astype(np.float32)
