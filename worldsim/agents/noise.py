"""Policies that look at nothing: still, random and Ornstein-Uhlenbeck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Scene


class Zero:
    """Does nothing."""

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._size = scene.action_spec.size

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        return np.zeros(self._size, np.float32)


class Uniform:
    """Draws an action uniformly in [-1, 1]^A and holds it for 1 to `longest` frames.

    Redrawn every frame it would tremble on the spot; held, it crosses the table, which makes it
    the fairer opponent.
    """

    def __init__(self, longest: int = 10) -> None:
        self.longest = longest

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng, self._size, self._left = rng, scene.action_spec.size, 0

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        if self._left == 0:
            self._left = int(self._rng.integers(1, self.longest + 1))
            self._action = self._rng.uniform(-1.0, 1.0, self._size).astype(np.float32)
        self._left -= 1
        return self._action


class LowPass:
    """Smooths actions: each keeps a share of the one before. At rest it comes to a full stop."""

    def __init__(self, size: int, kept: float = 0.45) -> None:
        self.kept = kept
        self._last = np.zeros(size)

    def smooth(self, wanted: NDArray[np.floating], resting: bool) -> NDArray[np.float32]:
        """The action (A,) to take in place of `wanted` (A,)."""
        self._last = self.kept * self._last + (1.0 - self.kept) * np.clip(wanted, -1.0, 1.0)
        if resting and np.abs(self._last).max() < 0.02:
            self._last = np.zeros_like(self._last)
        return self._last.astype(np.float32)


class OrnsteinUhlenbeck:
    """Smooth noise: a mean-reverting random walk, clipped to [-1, 1].

    `memory_s` is the time in which a deviation decays to 1/e; `spread` the standard deviation
    before clipping. The frame step is integrated exactly, so the spread does not depend on the
    rate (Gillespie 1996, equation 1.9a).
    """

    def __init__(self, memory_s: float = 0.7, spread: float = 0.6) -> None:
        self.memory_s = memory_s
        self.spread = spread

    def reset(self, scene: Scene, rng: np.random.Generator) -> None:
        self._rng = rng
        self._decay = float(np.exp(-scene.dt_s / self.memory_s))
        self._value = self.spread * rng.standard_normal(scene.action_spec.size)

    def act(self, observation: NDArray[np.uint8], info: Mapping[str, Any]) -> NDArray[np.float32]:
        kick = self.spread * np.sqrt(1.0 - self._decay**2)
        noise = self._rng.standard_normal(self._value.shape)
        self._value = self._decay * self._value + kick * noise
        return np.clip(self._value, -1.0, 1.0).astype(np.float32)
