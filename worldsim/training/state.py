"""A run's files: the model to use and the state to go on from, each replaced whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from worldsim.checkpoints import CONFIG, WEIGHTS
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel

STATE = "state.safetensors"
READABLE = 0o644  # safetensors writes files that only their owner may read
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
        (draft / name).chmod(READABLE)
        os.replace(draft / name, folder / name)
    shutil.rmtree(draft)


def save_state(folder: Path, state: dict[str, Any], name: str = STATE) -> None:
    """Write everything that a run needs to go on bit by bit: tensors, and the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    rest = {"state": json.dumps(_apart(state, tensors))}
    draft = folder / f".{name}.{os.getpid()}"
    save_file(tensors, draft, rest)
    draft.chmod(READABLE)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, folder / name)


def load_state(folder: Path, name: str = STATE, keys: Set[str] = KEYS) -> dict[str, Any]:
    """Raises InputError where there is no readable state of these `keys`."""
    path = folder / name
    if not path.is_file():
        raise InputError(f"nothing to resume in {folder}: {name} is missing")
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            state = _together(json.loads(file.metadata()["state"]), tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); start again in another --out") from error
    if not isinstance(state, dict) or set(state) != keys:
        raise InputError(f"{path} is no training state; start again in another --out")
    return state


def _apart(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON, every tensor in it moved to `tensors` and named in its place.

    A dict becomes its pairs, for an optimiser's have numbers as keys.
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"pairs": [[key, _apart(kept, tensors)] for key, kept in value.items()]}
    if isinstance(value, list | tuple):
        return [_apart(kept, tensors) for kept in value]
    return value


def _together(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `_apart`; a tuple comes back as a list."""
    if isinstance(value, list):
        return [_together(kept, tensors) for kept in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _together(kept, tensors) for key, kept in value["pairs"]}
    return value
