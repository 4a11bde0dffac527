"""True clips of a seed of their own, and the world that faults are planted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from worldsim.errors import InputError
from worldsim.proof.clips.truths import Truths
from worldsim.proof.faults import FAULTS
from worldsim.proof.plan import Plan, plan
from worldsim.sim.simulator import Simulator

SEED = 7
Plans = Callable[[str, int], Plan]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    try:
        made = Simulator()
    except InputError as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.fixture(scope="session")
def truths() -> Truths:
    pytest.importorskip("pybullet")
    return Truths(SEED)


@pytest.fixture(scope="session")
def plans(truths: Truths, simulator: Simulator) -> Plans:
    """Faulty clip `clip` of a kind, made once a session."""

    @cache
    def planned(kind: str, clip: int = 0) -> Plan:
        return plan(FAULTS[kind], "faulty", clip, truths, simulator)

    return planned
