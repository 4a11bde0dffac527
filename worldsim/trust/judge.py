"""Judge a model's warnings on recordings: its uncertainty and its alarms against true errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worldsim import checkpoints
from worldsim.data.atomic import write_whole
from worldsim.data.dataset import Dataset
from worldsim.judge import refuse_training_data
from worldsim.sim.scenarios import find_scenario
from worldsim.trust.tables import alarms, ranks
from worldsim.trust.watch import Watched, episodes_of, watch

TABLES = "trust.md"


def judge_trust(
    model: str,
    data: Sequence[Path],
    out: Path,
    episodes: int = 4,
    start_frames: int = 1,
    horizon: int = 48,
) -> list[Watched]:
    """Dream the first `episodes` of every recording on; print both tables.

    `out`/trust.md holds them from the first recording on.

    Raises InputError on a recording that the model was trained on, or that is too short.
    """
    checkpoint = checkpoints.find(model)
    for path in data:
        dataset = Dataset(path)
        find_scenario(str(dataset.meta["scenario"]))  # "module:name" registers it
        refuse_training_data(checkpoint, dataset)
    out.mkdir(parents=True, exist_ok=True)
    clips: list[Watched] = []
    for path in data:
        recorded = episodes_of(path, episodes, start_frames - 1 + horizon)
        clips += watch(checkpoint, recorded, start_frames)
        text = f"{ranks(clips)}\n\n{alarms(clips)}\n"
        write_whole(out / TABLES, text.encode())
    print(f"\n{text}\n{out / TABLES}")
    return clips
