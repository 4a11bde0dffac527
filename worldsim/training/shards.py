"""FSDP2: every process keeps a part of each weight, gradient and optimiser state.

Files hold them whole, so a run may go on with another number of processes, or unsharded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate

from worldsim.models.dit import WorldModel


def shard(model: WorldModel, processes: int) -> None:
    """Cut the parameters of a model that is the same in all processes, block by block."""
    mesh = init_device_mesh(model.device.type, (processes,))
    for block in model.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def gathered(tensor: Tensor) -> Tensor:
    """A shard's whole tensor; all processes call this. Any other is returned as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def cut(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, the same in all processes, cut as the parameter `like` is."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    mesh = like.device_mesh
    same = DTensor.from_local(tensor.to(like.device), mesh, [Replicate()], run_check=False)
    part: Tensor = same.redistribute(placements=like.placements)
    return part


def whole(state: Any) -> Any:
    """A nest of dicts and lists with every shard in it gathered; all processes call this."""
    if isinstance(state, dict):
        return {key: whole(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(whole(value) for value in state)
    return gathered(state) if isinstance(state, torch.Tensor) else state


def cut_state(state: dict[str, Any], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimiser's whole state_dict, cut as its parameters are."""
    parameters: Sequence[Tensor] = [p for group in optimiser.param_groups for p in group["params"]]
    parts = {
        index: {
            name: cut(value, parameters[index]) if isinstance(value, Tensor) else value
            for name, value in kept.items()
        }
        for index, kept in state["state"].items()
    }
    return {**state, "state": parts}
