"""Trained models that ship with worldsim, and where to find one by name or folder.

A checkpoint is a diffusers model folder (config.json, diffusion_pytorch_model.safetensors) with
episodes of held-out scenes to start from in `starts/`: .safetensors, or .npz from older versions.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from worldsim.errors import InputError, unknown

SHIPPED = Path(__file__).parent
CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"


def names() -> list[str]:
    """The checkpoints that ship with this version."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def default(scenario: str) -> str:
    """The shipped checkpoint that plays a scenario: one of its own before the one of all.

    Raises InputError where none does.
    """
    known = {n: json.loads((SHIPPED / n / CONFIG).read_text())["scenarios"] for n in names()}
    playing = [name for name in known if scenario in known[name]]
    if not playing:
        raise InputError(
            f"no model of {scenario!r} ships with worldsim; train one with `worldsim train` "
            "and give its folder as checkpoint"
        )
    return min(playing, key=lambda name: len(known[name]))


def size_px(scenario: str) -> int:
    """How large the shipped model of a scenario draws; 64 where none ships."""
    try:
        config = (SHIPPED / default(scenario) / CONFIG).read_text()
    except InputError:
        return 64
    return int(json.loads(config)["height_px"])


def find(name_or_path: str | Path) -> Path:
    """The folder of a shipped checkpoint's name or of a path.

    Raises InputError for an unknown name, or a folder that holds no checkpoint.
    """
    shipped = SHIPPED / str(name_or_path)
    if str(name_or_path) in names():
        return shipped
    path = Path(name_or_path)
    if not path.is_dir():
        if "/" in str(name_or_path):
            raise InputError(f"no checkpoint folder {path}; train one with `worldsim train tiny`")
        raise unknown("checkpoint", str(name_or_path), names())
    missing = [file for file in (CONFIG, WEIGHTS) if not (path / file).is_file()]
    if missing:
        raise InputError(f"{path} is no checkpoint: {' and '.join(missing)} missing")
    return path


def name_of(folder: Path) -> str:
    """A shipped checkpoint's name, or the absolute path of another: what `find` takes."""
    return folder.name if folder.parent == SHIPPED else str(folder.absolute())


def digest(folder: Path) -> str:
    """Of a checkpoint's weights and config: equal ones draw the same."""
    model = b"".join((folder / name).read_bytes() for name in (WEIGHTS, CONFIG))
    return sha256(model).hexdigest()[:16]


def starts(folder: Path) -> list[Path]:
    """The start episodes of a checkpoint, in order."""
    found = (folder / "starts").glob("*")
    return sorted(path for path in found if path.suffix in (".safetensors", ".npz"))
