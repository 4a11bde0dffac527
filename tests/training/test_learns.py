"""The test of learning: three to ten minutes on two cores. Run by name: pytest -m learns."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldsim.cli import main

STEPS = "400"
"""Not minutes: a CPU without bfloat16 takes three times as long for a step, and must learn too."""


@pytest.mark.learns
def test_a_few_hundred_steps_of_training_beat_the_frozen_frame(tmp_path: Path) -> None:
    data, test, out = (str(tmp_path / name) for name in ("push", "push-test", "smoke"))
    assert main(["simulate", "push", "--episodes", "300", "--out", data]) == 0
    assert main(["simulate", "push", "--episodes", "20", "--out", test, "--seed", "1"]) == 0
    assert main(["train", "tiny", "--data", data, "--out", out, "--steps", STEPS]) == 0
    judged = ["evaluate", "--model", out, "--data", test, "--out", str(tmp_path / "report")]
    assert main([*judged, "--episodes", "20", "--horizon", "16", "--limits", "smoke"]) == 0
