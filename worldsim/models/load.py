"""A world model from a checkpoint folder."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from diffusers.utils.constants import SAFE_WEIGHTS_INDEX_NAME
from safetensors import safe_open

from worldsim.errors import InputError
from worldsim.models.dit import WorldModel

FORMAT_VERSION = 2
_LIBRARY_KEYS = {"_class_name", "_diffusers_version", "_name_or_path"}
_LATER = {"gate", "passes", "pinned"}
"""What configs of this version may lack: its default is what was drawn before there was one."""
_PICKLES = ("*.bin", "*.pth", "*.ckpt", "*.pkl")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> WorldModel:
    """The model in `folder`, ready to draw; no key, shape or weight of it is taken on trust.

    Raises InputError where the files are damaged, of another version, hold other keys or shapes
    than the model has, or a weight that is no number; a pickle is never opened.
    """
    if not (folder / WorldModel.config_name).is_file():
        raise InputError(f"{folder} holds no world model: {WorldModel.config_name} is missing")
    try:
        config = WorldModel.load_config(folder, local_files_only=True)
        _check_config(config, folder)
        _check_weights(config, folder)
        model: WorldModel = WorldModel.from_pretrained(
            folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True
        )
    except InputError:
        raise
    except Exception as error:  # safetensors, json and diffusers each raise their own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder} holds no readable world model: {reason}") from error
    for name, weight in model.state_dict().items():
        if not torch.isfinite(weight).all():
            raise InputError(f"{folder}: {name} holds a NaN or an infinity; train it again")
    loaded: WorldModel = model.eval()
    return loaded


def _check_config(config: dict[str, Any], folder: Path) -> None:
    """Every value the model was built with must be there: a default would draw wrong frames."""
    version = config.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise InputError(
            f"{folder} has model format {version}, this version reads {FORMAT_VERSION}; "
            "train it again"
        )
    wanted = [name for name in signature(WorldModel.__init__).parameters if name != "self"]
    missing = [name for name in ("_class_name", *wanted) if name not in {*config, *_LATER}]
    foreign = sorted(set(config) - set(wanted) - _LIBRARY_KEYS)
    if missing or foreign or config["_class_name"] != WorldModel.__name__:
        what = f"describes a {config.get('_class_name')}"
        if foreign:
            what = f"holds the foreign key {foreign[0]!r}"
        if missing:
            what = f"lacks {missing[0]}"
        raise InputError(f"{folder}/config.json {what}; it is no world model of this version")


def _check_weights(config: dict[str, Any], folder: Path) -> None:
    """Keys and shapes, before any weight is read."""
    path = folder / SAFETENSORS_WEIGHTS_NAME
    pickles = sorted(found.name for kind in _PICKLES for found in folder.glob(kind))
    if not path.is_file() or (folder / SAFE_WEIGHTS_INDEX_NAME).exists():
        instead = f"; {pickles[0]} may be a pickle, which is not opened" if pickles else ""
        raise InputError(f"{folder} needs its weights in one file {path.name}{instead}")
    with torch.device("meta"):
        built: WorldModel = WorldModel.from_config(config)
    wanted = {name: list(weight.shape) for name, weight in built.state_dict().items()}
    with safe_open(path, "pt") as file:
        held = {name: file.get_slice(name).get_shape() for name in file.keys()}
    wrong = [f"lacks {name}" for name in wanted if name not in held]
    wrong += [f"holds the foreign key {name!r}" for name in held if name not in wanted]
    wrong += [
        f"holds {name} of shape {tuple(held[name])}, the model's is {tuple(shape)}"
        for name, shape in wanted.items()
        if name in held and held[name] != shape
    ]
    if wrong:
        raise InputError(f"{path} does not fit config.json: it {wrong[0]}")
