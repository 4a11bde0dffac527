"""run.json: what made a run, and with that how to make it again."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldsim import checkpoints
from worldsim.data.dataset import Dataset
from worldsim.errors import InputError
from worldsim.provenance import revision, versions
from worldsim.training.settings import Architecture, Recipe, Settings

if TYPE_CHECKING:
    from worldsim.training.machine import Compile, Precision

RUN, GATE = "run.json", "gate.json"
_PACKAGES = ("worldsim", "torch", "diffusers", "accelerate", "numpy", "safetensors")


@dataclass(frozen=True)
class Options:
    """What a run is asked for; None is what was not said. See worldsim.training.trainer.train."""

    recipe: Recipe | None = None
    data: tuple[Path, ...] | None = None
    weights: tuple[float, ...] | None = None
    minutes: float | None = None
    steps: int | None = None
    workers: int | None = None
    loaders: int | None = None
    seed: int | None = None
    precision: Precision | None = None
    compile: Compile | None = None
    cache: Path | None = None
    begin: Path | None = None
    rate: float | None = None

    def said(self) -> dict[str, Any]:
        """Those that were."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def trained_on(folder: Path) -> set[str]:
    """Digests of what a checkpoint, the one it began from and its gate were trained on; as known.

    Raises InputError where its run.json or gate.json is damaged.
    """
    found: set[str] = set()
    for path in (folder / name for name in (RUN, GATE) if (folder / name).is_file()):
        try:
            told = json.loads(path.read_text())
            data = told["data"]
            found |= {*(data if isinstance(data, list) else [data]), *told.get("begin_data", [])}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"{path} is damaged ({error}); a checkpoint works without it"
            raise InputError(what) from error
    return found


def made_by(
    paths: Sequence[Path], loaders: int, cache: Path | None, begin: Path | None
) -> dict[str, Any]:
    """Of run.json: what does not decide on the weights, or not alone."""
    return {
        "data_paths": [str(path.absolute()) for path in paths],
        "loaders": loaders,
        "cache": None if cache is None else str(cache.absolute()),
        "begin_path": None if begin is None else checkpoints.name_of(begin),
        "command": shlex.join(sys.orig_argv),
        "git": revision(),
        "versions": versions(_PACKAGES),
    }


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a run's folder. Raises InputError where there is none or it is damaged."""
    path = folder / RUN
    if not path.is_file():
        raise InputError(f"{folder} is no training run: {RUN} is missing")
    try:
        told = json.loads(path.read_text())
        told["recipe"]["name"], told["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error!r})") from error
    assert isinstance(told, dict)
    return told


def again(folder: Path, asked: Options) -> tuple[Options, list[str]]:
    """What trains the run in `folder` again, changed by what is `asked`, and what is other now.

    Raises InputError where run.json does not say enough, or its data are gone or others now.
    """
    told = read_run(folder)
    try:
        before = _options(told)
    except (KeyError, TypeError, ValueError) as error:
        what = f"does not say all that makes it again ({error!r})"
        raise InputError(f"{folder / RUN} {what}; it is damaged or an older version's") from error
    digests = told["data"] if isinstance(told["data"], list) else [told["data"]]
    paths = asked.data or before.data
    if paths is None:
        raise InputError(f"{folder / RUN} does not say where its data were; name them with --data")
    moved = _other_data(folder, paths, digests, given=asked.data is not None)
    changes = asked.said()
    if before.begin is not None and asked.begin is None:
        _refuse_other(folder, before.begin, told["begin"])
    elif asked.begin is not None and checkpoints.digest(asked.begin) == told.get("begin"):
        before = replace(before, begin=asked.begin)  # the same, by another path perhaps
    if changes.keys() & {"minutes", "steps"}:
        changes |= {"minutes": asked.minutes, "steps": asked.steps}
    notes = [moved] if moved else []
    if (folder / GATE).is_file():
        notes.append("without its gate: python -m worldsim.training.gating learns one")
    for name in sorted(changes.keys() - {"data"}):
        value, was = changes[name], getattr(before, name)
        if value != was:
            notes.append(f"{name} {_shown(value)} instead of {_shown(was)}")
    if moved:  # the weights of its own data mean nothing for these
        before = replace(before, weights=None)
    return replace(before, **{**changes, "data": paths}), notes + _other_versions(told)


def _options(told: Mapping[str, Any]) -> Options:
    recipe, paths, cache = told["recipe"], told.get("data_paths"), told.get("cache")
    shapes = {"architecture": Architecture, "settings": Settings}
    for part, kind in shapes.items():
        if recipe[part].keys() != asdict(kind()).keys():
            other = sorted(recipe[part].keys() ^ asdict(kind()).keys())[0]
            raise ValueError(f"{part} {other}")
    if paths is not None and len(paths) != len(told["data"]):
        raise ValueError("data_paths")
    return Options(
        Recipe(
            recipe["name"], Architecture(**recipe["architecture"]), Settings(**recipe["settings"])
        ),
        None if paths is None else tuple(Path(path) for path in paths),
        tuple(told["weights"]),
        told["minutes"],
        told["steps"],
        told["workers"],
        told.get("loaders", 0),
        told["seed"],
        told["precision"],
        "on" if told["compile"] else "off",
        None if cache is None else Path(cache),
        None if told.get("begin") is None else _found(told["begin_path"]),
        told.get("rate"),
    )


def _found(begin: str) -> Path:
    """The folder of a shipped checkpoint's name, or of a path, whether it is there or not."""
    return checkpoints.find(begin) if begin in checkpoints.names() else Path(begin)


def _refuse_other(folder: Path, begin: Path, digest: str) -> None:
    """Raise InputError where a run's first weights are gone or others now."""
    if not begin.is_dir() or checkpoints.digest(checkpoints.find(begin)) != digest:
        raise InputError(
            f"{folder} began from {begin}, which is gone or another model now; say with --begin "
            "what else to begin from"
        )


def _other_data(folder: Path, paths: Sequence[Path], digests: list[str], given: bool) -> str:
    """In what the data differ from the run's: "" where not. Only those `given` may."""
    gone = [path for path in paths if not path.is_dir()]
    if gone and not given:
        raise InputError(
            f"{folder} was trained on {gone[0]}, which is not there; say with --data where it is"
        )
    found = [Dataset(path).digest for path in paths]
    if found == digests:
        return ""
    if given:
        return "other data"
    other = next(p for p, one, two in zip(paths, found, digests, strict=True) if one != two)
    raise InputError(
        f"{other} is not what {folder} was trained on: its digest is another; record it again, or "
        "say with --data what else to train on"
    )


def _other_versions(told: Mapping[str, Any]) -> list[str]:
    now, then = versions(_PACKAGES), told.get("versions", {})
    notes = [
        f"{name} {now.get(name)} instead of {version}"
        for name, version in then.items()
        if now.get(name) != version
    ]
    code, here = told.get("git"), revision()
    if code and here and (here["changed"] or code["changed"] or here != code):
        notes.append(f"code {_commit(here)} instead of {_commit(code)}")
    return notes


def _commit(code: Mapping[str, Any]) -> str:
    return f"{code['revision']:.10}{' with changes' if code['changed'] else ''}"


def _shown(value: object) -> str:
    if isinstance(value, Recipe):
        return value.name
    if isinstance(value, tuple):
        return " ".join(f"{item:g}" for item in value)
    return "none" if value is None else str(value)
