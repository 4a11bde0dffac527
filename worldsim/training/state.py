"""A run's files: the model to use and the state to go on from, each replaced whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from worldsim.checkpoints import CONFIG, WEIGHTS
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel

STATE = "state.pt"
KEYS = {"model", "optimiser", "average", "step", "clips", "elapsed_s", "precision"}


def averaged(state: dict[str, Any], model: WorldModel) -> WorldModel:
    """A model of its own, as `model` is, with the moving average's weights of a whole state."""
    twin: WorldModel = WorldModel.from_config(model.config)
    names = [name for name, _ in model.named_parameters()]
    weights = dict(zip(names, state["average"]["shadow_params"], strict=True))
    twin.load_state_dict({**state["model"], **weights})
    twin.to(model.device)
    return twin


def save_model(folder: Path, model: WorldModel) -> None:
    """Write config.json and the weights; an interrupted write leaves the old ones."""
    draft = folder / f".draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    model.save_pretrained(draft)
    for name in (WEIGHTS, CONFIG):
        (draft / name).chmod(0o644)  # safetensors writes files that only their owner may read
        os.replace(draft / name, folder / name)
    shutil.rmtree(draft)


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write everything that a run needs to go on bit by bit."""
    draft = folder / f".{STATE}.{os.getpid()}"
    with draft.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, folder / STATE)


def load_state(folder: Path) -> dict[str, Any]:
    """Raises InputError where there is no readable state."""
    path = folder / STATE
    if not path.is_file():
        raise InputError(f"nothing to resume in {folder}: {STATE} is missing")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(f"{path} is damaged ({error}); start again in another --out") from error
    if not isinstance(state, dict) or set(state) != KEYS:
        raise InputError(f"{path} is no training state; start again in another --out")
    return state
