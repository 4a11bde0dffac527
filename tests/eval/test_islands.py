"""Who touches whom: by what shows, and by the simulator's log while a clip follows it."""

from __future__ import annotations

import pytest
from handmade import ONSET, PUSHER, SPHERE, STEPS
from pairing import reads, run, seen_m

from worldsim.eval.evidence import Evidence
from worldsim.eval.laws.islands import touches
from worldsim.eval.laws.windows import valid_steps

EARLY, LATE = ONSET, STEPS - 1


@pytest.fixture
def left() -> Evidence:
    """Its sphere leaves the reference between two contacts of the log that do not show."""
    true = run({}, ((EARLY, SPHERE, PUSHER), (LATE, SPHERE, PUSHER)))
    places = seen_m(true).copy()
    places[ONSET + 2 :, SPHERE, 1] += 0.3
    evidence = reads(true, places)
    assert EARLY <= valid_steps(evidence) < LATE
    return evidence


def test_the_log_counts_as_long_as_the_clip_follows_its_reference(left: Evidence) -> None:
    met = touches(left, left.reading)[:, SPHERE, PUSHER]
    assert met[EARLY] and not met[LATE]


def test_the_log_of_the_reference_s_own_frames_counts_throughout(left: Evidence) -> None:
    met = touches(left, left.floor)[:, SPHERE, PUSHER]
    assert met[EARLY] and met[LATE]
