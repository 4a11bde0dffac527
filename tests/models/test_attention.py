"""Attention: the fused way of GPUs, in pieces or whole, is the plain one."""

from __future__ import annotations

import pytest
import torch

from worldsim.models import attention


@pytest.mark.parametrize("most", [1, 7, 9, 65_535])
@pytest.mark.parametrize("masked", [False, True])
def test_large_batches_are_looked_at_in_pieces(
    most: int, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "MOST_ROWS", most)
    query, key, value = torch.randn(3, 5, 3, 4, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 4, dtype=torch.bool).tril() if masked else None
    plain = attention.attend(query, key, value, mask)
    assert torch.allclose(attention._fused(query, key, value, mask), plain, atol=1e-6)
