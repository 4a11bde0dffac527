"""A world model from a checkpoint folder."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import torch

from worldsim.errors import InputError
from worldsim.models.dit import WorldModel

FORMAT_VERSION = 2


def load(folder: Path) -> WorldModel:
    """The model in `folder`, in float32 and ready to draw.

    Raises InputError where the files are damaged or of another version.
    """
    try:
        config = WorldModel.load_config(folder, local_files_only=True)
        _check(config, folder)
        model, found = WorldModel.from_pretrained(
            folder, torch_dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except InputError:
        raise
    except Exception as error:  # safetensors, json and diffusers each raise their own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder} holds no readable world model: {reason}") from error
    wrong = [name for kind in ("missing_keys", "unexpected_keys") for name in found[kind]]
    if wrong:
        raise InputError(f"{folder}: weights and config.json do not fit, see {wrong[0]}")
    loaded: WorldModel = model.eval()
    return loaded


def _check(config: dict[str, Any], folder: Path) -> None:
    """Every value the model was built with must be there: a default would draw wrong frames."""
    version = config.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise InputError(
            f"{folder} has model format {version}, this version reads {FORMAT_VERSION}; "
            "train it again"
        )
    wanted = [name for name in signature(WorldModel.__init__).parameters if name != "self"]
    missing = [name for name in ("_class_name", *wanted) if name not in config]
    if missing or config["_class_name"] != WorldModel.__name__:
        what = f"lacks {missing[0]}" if missing else f"describes a {config['_class_name']}"
        raise InputError(f"{folder}/config.json {what}; it is no world model of this version")
