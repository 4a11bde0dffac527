"""Muon against torch's own, which always computes in bfloat16."""

from __future__ import annotations

import pytest
import torch

from worldsim.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(12, 12), (8, 24), (24, 8)])
def test_in_bfloat16_it_is_torchs(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    mine = Muon([ours], 0.01, 0.1, torch.bfloat16)
    other = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        mine.step()
        other.step()
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("shape", [(12, 12), (8, 24), (24, 8)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(shape) * 30.0
    values = torch.linalg.svdvals(orthogonal(matrix[None], torch.float32)[0])
    assert 0.4 < values.min() and values.max() < 1.6
