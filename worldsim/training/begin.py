"""Training on: a run that begins from a checkpoint's weights and keeps what it knows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from worldsim import checkpoints
from worldsim.data.clips import ClipDataset
from worldsim.data.store import SUFFIX, load_episode, save_episode
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.training.settings import Architecture, Recipe


def begun(checkpoint: Path, recipe: Recipe, clips: ClipDataset) -> WorldModel:
    """The model of a checkpoint, to be trained on `clips`.

    What it knows of its scenarios (actions, depth range, mean image) stays; clips may be of some of
    them. Raises InputError where the recipe has another shape, or clips do not fit the model.
    """
    model = load(checkpoint)
    config = model.config
    mine = {name: config.get(name) for name in asdict(Architecture())}
    mine["patches"] = config.height_px // config.patch_px
    wanted = asdict(recipe.architecture)
    other = [
        f"{name} {mine[name]}, not {wanted[name]}" for name in wanted if mine[name] != wanted[name]
    ]
    if other:
        raise InputError(
            f"{checkpoint} has another shape than {recipe.name} ({', '.join(other)}); give the "
            "recipe it was trained by"
        )
    size_px = (config.height_px, config.width_px)
    if clips.size_px != size_px:
        raise InputError(f"{checkpoint} draws {size_px} px, the clips are {clips.size_px}")
    for known in clips.known():
        domain = model.domain(known.scenario)
        for what, here, there in (
            ("frames a second", domain.frame_rate_hz, known.frame_rate_hz),
            ("action channels", domain.action_size, len(known.action_mean)),
        ):
            if here != there:
                raise InputError(
                    f"{checkpoint} has {here} {what} in {known.scenario}, the clips {there}"
                )
    told = {name: value for name, value in config.items() if not name.startswith("_")}
    fresh: WorldModel = WorldModel.from_config(told)  # a loaded one's config says where it lay
    fresh.load_state_dict(model.state_dict())
    return fresh


def keep_starts(checkpoint: Path, folder: Path, clips: ClipDataset) -> None:
    """Add to a run's starts those of a checkpoint's scenarios that the clips do not show."""
    number = len(checkpoints.starts(folder))
    for path in checkpoints.starts(checkpoint):
        episode = load_episode(path)
        if episode.scene.scenario not in clips.scenarios:
            save_episode(folder / "starts" / f"{number:03d}{SUFFIX}", episode)
            number += 1
