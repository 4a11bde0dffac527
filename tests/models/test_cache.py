"""The cache over time: what a pinned first frame changes, and what it does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldsim.models.attention import attend, rotate, rotation
from worldsim.models.cache import TimeCache
from worldsim.models.dit import WorldModel

WINDOW, STEPS, SIZE = 4, 11, 8
SHAPE = (6, 2, 1, SIZE)  # tokens of two dreams, heads, one frame, size


def turned(x: Tensor, position: int) -> Tensor:
    return rotate(x, rotation(torch.tensor([position]), SIZE, base=1000.0), blocks=1)


def rows() -> Tensor:
    """Queries, keys and values of every frame, not turned: (STEPS, 3, *SHAPE)."""
    return torch.randn((STEPS, 3, *SHAPE), generator=torch.Generator().manual_seed(0))


def looked(pinned: bool) -> list[Tensor]:
    cache, found = TimeCache(1, WINDOW, 2, pinned), []
    for t, (query, key, value) in enumerate(rows()):
        found.append(cache.attend(0, turned(query, t), turned(key, t), value))
        cache.advance()
    return found


def test_a_pinned_first_frame_is_the_oldest_of_the_window_however_long_ago() -> None:
    frames = rows()
    for t, found in enumerate(looked(pinned=True)):
        shown = range(t + 1) if t < WINDOW else [0, *range(t - WINDOW + 2, t + 1)]
        keys = torch.cat([turned(frames[s, 1], place) for place, s in enumerate(shown)], 2)
        values = torch.cat([frames[s, 2] for s in shown], 2)
        wanted = attend(turned(frames[t, 0], len(shown) - 1), keys, values)
        assert torch.allclose(found, wanted, atol=1e-5), t


def test_nothing_changes_before_the_first_frame_would_be_forgotten() -> None:
    pairs = zip(looked(pinned=True), looked(pinned=False), strict=True)
    same = [torch.equal(one, other) for one, other in pairs]
    assert same == [True] * WINDOW + [False] * (STEPS - WINDOW)


def test_a_window_of_one_frame_has_no_room_for_a_pinned_one() -> None:
    with pytest.raises(ValueError, match="window of 2"):
        WorldModel(window=1, pinned=True)
