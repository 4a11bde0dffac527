"""Muon in the precision that is fast here: torch.optim.Muon always computes in bfloat16, which a
CPU without instructions for it does a hundred times slower than float32."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from worldsim.training.shards import cut, gathered

_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_LEAST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024); for matrices only.

    Of a sharded matrix the whole gradient is gathered, and every process updates its own part.
    The learning rate is matched to AdamW's as in Moonlight (Liu et al. 2025, equation 4).
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        lr: float,
        weight_decay: float,
        precision: torch.dtype,
        momentum: float = 0.95,
    ) -> None:
        groups = [{"params": list(matrices)}]  # there may be none
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self._precision = precision

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                average = state["momentum_buffer"].lerp_(matrix.grad, 1.0 - momentum)
                ahead = matrix.grad.lerp(average, momentum)  # Nesterov's
                alike.setdefault(matrix.shape, []).append((matrix, gathered(ahead)))
            for shape, pairs in alike.items():
                updates = orthogonal(torch.stack([ahead for _, ahead in pairs]), self._precision)
                for (matrix, _), update in zip(pairs, updates, strict=True):
                    matrix.mul_(1.0 - rate * group["weight_decay"])
                    matrix.add_(cut(update, matrix), alpha=-rate * 0.2 * sqrt(max(shape)))


def orthogonal(matrices: Tensor, precision: torch.dtype) -> Tensor:
    """Nearly the orthogonal matrices nearest to some (n, rows, columns): Newton-Schulz, quintic.

    Singular values end within 0.5 to 1.5 or so, which is near enough.
    """
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    found = (matrices.mT if tall else matrices).to(precision)
    found = found / found.norm(dim=(-2, -1), keepdim=True).clamp(min=_LEAST_NORM)
    for _ in range(_ITERATIONS):
        gram = found @ found.mT
        step = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        found = torch.baddbmm(found, step, found, beta=a)
    nearest: Tensor = (found.mT if tall else found).to(matrices.dtype)
    return nearest
