"""Makes the stored limits of all alarms again: python -m worldsim.proof.calibrate."""

from __future__ import annotations

from pathlib import Path

from worldsim.ends import tool
from worldsim.eval.verdicts.lines import STORED
from worldsim.proof.selftest import CALIBRATION_CLIPS, WIDTHS_PX, calibrate


def main(
    out: Path = Path("runs/calibration"),
    to: Path = STORED,
    clips: int = CALIBRATION_CLIPS,
    widths_px: tuple[int, ...] = WIDTHS_PX,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Measure clean clips by all checks and write what each alarm reaches.

    Args:
        out: folder of the clips' alarms; the same call goes on from there.
        to: the file of limits.
        clips: how many, of all scenarios in turn; half of them are degraded.
        widths_px: widths of the frames.
        seed: draws them; the selftest's clips are others at any seed.
        workers: processes.
    """
    limits = calibrate(out, to, clips, widths_px, seed, workers)
    for width, by_scenario in limits.items():
        for scenario, made in by_scenario.items():
            line = f"{width:4d} px {scenario:8s} {made.clips} clips, {len(made.limits)} alarms"
            print(f"{line}, joint {made.joint:.2f}")
    print(to)


if __name__ == "__main__":
    raise SystemExit(tool(main))
