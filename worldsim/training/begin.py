"""Training on: a run that begins from a checkpoint's weights and keeps what it knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from worldsim import checkpoints
from worldsim.data.clips import ClipDataset, Known
from worldsim.data.store import load_episode
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain
from worldsim.models.load import load
from worldsim.training.run import trained_on
from worldsim.training.settings import Architecture, Recipe

OUTSIDE = 0.1
"""Largest share of the clips' depth that may lie outside of what the model knows, and is cut."""


@dataclass(frozen=True)
class Begin:
    """What a run notes of the checkpoint that it begins from, and the starts that it keeps.

    `data` are digests of the recordings that the checkpoint was trained on, as far as is known.
    """

    digest: str
    data: tuple[str, ...]
    starts: tuple[Episode, ...]

    @classmethod
    def of(cls, checkpoint: Path, recipe: Recipe, clips: ClipDataset) -> Begin:
        """Raises InputError where checkpoint, recipe and clips do not go together; see `begun`."""
        begun(checkpoint, recipe, clips)
        starts = [load_episode(path) for path in checkpoints.starts(checkpoint)]
        kept = [one for one in starts if one.scene.scenario not in clips.scenarios]
        data = trained_on(checkpoint)
        return cls(checkpoints.digest(checkpoint), tuple(sorted(data)), tuple(kept))


def begun(checkpoint: Path, recipe: Recipe, clips: ClipDataset) -> WorldModel:
    """The model of a checkpoint, to be trained on `clips`.

    What it knows of its scenarios (actions, depth range, mean image) stays; clips may be of some of
    them. A gate does not stay: it is learnt anew after the model. Raises InputError where the
    recipe has another shape, or clips do not fit the model.
    """
    model = of_shape(checkpoint, recipe)
    check_clips(checkpoint, model, clips)
    return copied(model, gate=0)


def of_shape(checkpoint: Path, recipe: Recipe) -> WorldModel:
    """A checkpoint's model. Raises InputError where a recipe has another shape."""
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
    return model


def copied(model: WorldModel, gate: int) -> WorldModel:
    """The same weights without the config's note of where they lay, and with another gate.

    A gate is of one model's way to draw, so it is not taken over.
    """
    told = {name: value for name, value in model.config.items() if not name.startswith("_")}
    fresh: WorldModel = WorldModel.from_config(told | {"gate": gate})
    weights = model.state_dict()
    own = {name: weight for name, weight in fresh.state_dict().items() if "gating." in name}
    fresh.load_state_dict({n: w for n, w in weights.items() if "gating." not in n} | own)
    return fresh


def check_clips(checkpoint: Path, model: WorldModel, clips: ClipDataset) -> None:
    """Raises InputError where clips are not of what a checkpoint's model knows."""
    config = model.config
    if clips.size_px != (config.height_px, config.width_px):
        raise InputError(
            f"{checkpoint} draws {config.height_px} px, the clips are {clips.size_px}; record with "
            f"--size-px {config.height_px}"
        )
    for known in clips.known():
        if known.scenario not in config.scenarios:
            raise InputError(
                f"{checkpoint} does not know {known.scenario}, only "
                f"{', '.join(config.scenarios)}; train a new model for it"
            )
        _check_known(checkpoint, model.domain(known.scenario), known)
    _check_actions(checkpoint, clips)


def _check_known(checkpoint: Path, domain: Domain, known: Known) -> None:
    (near_m, far_m), (least_m, most_m) = domain.depth_range_m, known.depth_range_m
    outside_m = max(near_m - least_m, 0.0) + max(most_m - far_m, 0.0)
    for what, mine, theirs, differs in (
        (
            "frames a second",
            domain.frame_rate_hz,
            known.frame_rate_hz,
            domain.frame_rate_hz != known.frame_rate_hz,
        ),
        (
            "action channels",
            domain.action_size,
            len(known.action_mean),
            domain.action_size != len(known.action_mean),
        ),
        (
            "m of depth",
            f"{near_m:.2f} to {far_m:.2f}",
            f"{least_m:.2f} to {most_m:.2f}",
            outside_m > OUTSIDE * (most_m - least_m),
        ),
    ):
        if differs:
            raise InputError(
                f"{checkpoint} knows {mine} {what} in {known.scenario}, the clips have {theirs}; "
                "record as what it was trained on, or train a new model"
            )


def _check_actions(checkpoint: Path, clips: ClipDataset) -> None:
    """By the start episodes, as far as there are any: the config tells no units and scales."""
    starts = [load_episode(path) for path in checkpoints.starts(checkpoint)]
    specs = {one.scene.scenario: one.scene.action_spec for one in starts}
    for dataset in clips.datasets:
        scene = dataset[0].scene
        scenario = scene.scenario
        if specs.get(scenario, scene.action_spec) != scene.action_spec:
            raise InputError(
                f"{dataset.path} has other actions than {checkpoint} knows in {scenario} (names, "
                "units or scales, as in the split ood); record as what it was trained on"
            )
