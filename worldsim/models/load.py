"""A world model from a checkpoint folder."""

from __future__ import annotations

from pathlib import Path

import torch

from worldsim.errors import InputError
from worldsim.models.dit import WorldModel

FORMAT_VERSION = 1


def load(folder: Path) -> WorldModel:
    """The model in `folder`, in float32 and ready to draw.

    Raises InputError where the files are damaged or of another version.
    """
    try:
        model = WorldModel.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)
    except Exception as error:  # safetensors, json and diffusers each raise their own
        raise InputError(f"{folder} holds no readable world model: {error}") from error
    if model.config.format_version != FORMAT_VERSION:
        raise InputError(
            f"{folder} has model format {model.config.format_version}, "
            f"this version reads {FORMAT_VERSION}"
        )
    loaded: WorldModel = model.eval()
    return loaded
