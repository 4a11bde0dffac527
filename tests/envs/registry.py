"""Scenarios that a test registers, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium

from worldsim.agents.scripted import SCRIPTED
from worldsim.sim.scenarios import SCENARIOS


@contextmanager
def registry_kept() -> Iterator[None]:
    """What is registered meanwhile is gone afterwards."""
    registries = (SCENARIOS, SCRIPTED, gymnasium.registry)
    before = [dict(registry) for registry in registries]
    try:
        yield
    finally:
        for registry, kept in zip(registries, before, strict=True):
            registry.clear()  # type: ignore[attr-defined]
            registry.update(kept)  # type: ignore[attr-defined]
