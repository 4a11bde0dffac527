from __future__ import annotations

from collections.abc import Iterator

import pytest

from worldsim.errors import InputError
from worldsim.sim.simulator import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    try:
        made = Simulator()
    except InputError as error:
        pytest.skip(str(error))
    with made:
        yield made
