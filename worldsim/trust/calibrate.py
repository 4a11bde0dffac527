"""Measure what the alarms of dreams must exceed, and store it: see worldsim.envs.alarms.

python -m worldsim.trust.calibrate --model all-128 --data data/*-calibration
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from worldsim import checkpoints
from worldsim.data.atomic import write_whole
from worldsim.ends import tool
from worldsim.envs.alarms import NAMES, STORED
from worldsim.trust.watch import episodes_of, values_of_truth, watch

QUANTILE = 0.99


def calibrate(
    model: str,
    data: tuple[Path, ...],
    episodes: int = 8,
    dreamed: int = 4,
    start_frames: int = 4,
    horizon: int = 45,
    out: Path = STORED,
) -> dict[str, Any]:
    """Limits that 1 % of frames exceed; what `out` holds of other models and scenarios stays.

    Of the recordings' own frames, and of the model's dreams of the first `dreamed` episodes as
    long as these are valid: what blurs a dream is no sign that it fails. One recording a scenario.
    """
    stored: dict[str, Any] = {"true": {}, "dreams": {}}
    if out.is_file():
        stored |= json.loads(out.read_text())
    folder = checkpoints.find(model)
    for path in data:
        clips = episodes_of(path, episodes, start_frames - 1 + horizon)
        scenario = clips[0].scene.scenario
        true = [values_of_truth(clip) for clip in clips]
        laws = [name for name in NAMES if name != "uncertainty"]
        stored["true"][scenario] = {
            name: _limit(np.concatenate([one[name][1:] for one in true])) for name in laws
        }
        dreams = watch(folder, clips[:dreamed], start_frames)
        frames = sum(int(one.valid.sum()) for one in dreams)
        if frames:  # else no dream is valid for a step
            stored["dreams"].setdefault(folder.name, {})[scenario] = {
                name: _limit(np.concatenate([one.values[name][one.valid] for one in dreams]))
                for name in NAMES
            }
        print(f"{scenario}: {len(clips)} true clips, {frames} valid frames of dreams", flush=True)
        stored["command"] = " ".join(["python -m worldsim.trust.calibrate", *sys.argv[1:]])
        write_whole(out, f"{json.dumps(stored, indent=1, sort_keys=True)}\n".encode())
    return stored


def _limit(values: Any) -> float:
    return round(float(np.quantile(values, QUANTILE)), 4)


if __name__ == "__main__":
    raise SystemExit(tool(calibrate))
