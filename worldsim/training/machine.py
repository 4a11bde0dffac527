"""What the machine can do: its matmul peak, and the precision that is faster on it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["auto", "on", "off"]
_SIZE, _GPU_SIZE = 1024, 8192


def matmul_flops(
    dtype: torch.dtype,
    device: torch.device,
    seconds: float = 0.4,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Measured FLOP/s of square matrix products in this process: the best of several."""
    size = _GPU_SIZE if device.type == "cuda" else _SIZE
    left, right = torch.randn(2, size, size).to(device, dtype)
    best = 0.0
    end = clock() + seconds
    while clock() < end:
        begin = clock()
        (left @ right)[0, 0].item()
        best = max(best, 2 * size**3 / (clock() - begin))
    return best


def choose_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 where its products are at least 1.5 times as fast as float32's."""
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    faster = matmul_flops(torch.bfloat16, device) / matmul_flops(torch.float32, device)
    return torch.bfloat16 if faster >= 1.5 else torch.float32


def has_compiler() -> bool:
    """Whether torch.compile can work: it needs a C++ compiler at run time."""
    wanted = os.environ.get("CXX", "g++")
    return shutil.which(wanted) is not None


def flops_per_frame(model: torch.nn.Module, tokens: int) -> float:
    """FLOPs of one forward pass of one frame: its matrix products (attention's own left out)."""
    matrices = [p for name, p in model.named_parameters() if "blocks." in name and p.ndim == 2]
    return 2.0 * sum(matrix.numel() for matrix in matrices) * tokens
