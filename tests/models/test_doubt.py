"""What a stepper's drafts differ by: a number beside the frames, which stay as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldsim.models.dit import WorldModel
from worldsim.models.stepper import Stepper


def made(std: float = 0.15) -> WorldModel:
    torch.manual_seed(0)
    model = WorldModel(
        height_px=32, width_px=32, width=32, heads=2, layers=4, time_every=2, registers=2, window=5
    )
    for parameter in model.parameters():
        if parameter.ndim > 1 and std:
            torch.nn.init.normal_(parameter, std=std)
    return model.eval()


def play(stepper: Stepper, rows: slice = slice(None), steps: int = 7) -> list[Tensor]:
    """The start frames and what is drawn on from them, of two dreams or some."""
    rng = torch.Generator().manual_seed(1)
    start = torch.rand(2, 1, 4, 32, 32, generator=rng)[rows] * 2.0 - 1.0
    actions = torch.randn(2, steps, 2, generator=rng)[rows]
    noise = [torch.Generator().manual_seed(3 + i) for i in range(2)][rows]
    stepper.start(start)
    return [start[:, 0], *(stepper.step(actions[:, t], noise) for t in range(steps))]


@pytest.mark.parametrize("passes", [1, 2])
def test_doubts_change_no_frame(passes: int) -> None:
    model = made()
    plain, doubting = Stepper(model, passes), Stepper(model, passes, doubts=True)
    for one, other in zip(play(plain), play(doubting), strict=True):
        assert torch.equal(one, other)
    assert (doubting.doubt > 0.0).all() and not plain.doubt.any()


def test_a_dreams_doubt_is_its_own_and_repeats() -> None:
    stepper = Stepper(made(), doubts=True)
    play(stepper)
    both = stepper.doubt
    play(stepper)
    assert torch.equal(stepper.doubt, both) and both[0] != both[1]
    play(stepper, slice(1, 2))
    assert torch.allclose(stepper.doubt, both[1:], rtol=1e-4)


def test_doubt_adds_up_and_comes_back_with_a_snapshot() -> None:
    stepper = Stepper(made(), doubts=True)
    play(stepper, steps=3)
    point, before = stepper.snapshot(), stepper.doubt
    stepper.step(torch.zeros(2, 2))
    after = stepper.doubt
    assert (after > before).all()
    stepper.restore(point)
    assert torch.equal(stepper.doubt, before)
    stepper.step(torch.zeros(2, 2))
    assert torch.equal(stepper.doubt, after)


def test_a_model_that_draws_the_same_whatever_it_sees_has_no_doubt() -> None:
    stepper = Stepper(made(std=0.0), doubts=True)
    play(stepper)
    assert not stepper.doubt.any()
