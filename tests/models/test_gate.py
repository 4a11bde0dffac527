"""A gate: what it keeps is the last frame to the bit, what it opens is the drawn one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_doubt import play
from torch import Tensor

from worldsim.models.dit import WorldModel
from worldsim.models.gate import Gate
from worldsim.models.load import load
from worldsim.models.stepper import Stepper
from worldsim.training.begin import copied

PIXEL = st.integers(0, 31)


def made(gate: int = 8, bias: float | None = None) -> WorldModel:
    """A model of random weights whose gate is open or shut everywhere by `bias`, or here and there.

    Its other weights hang on nothing but a seed.
    """
    torch.manual_seed(0)
    model = WorldModel(
        height_px=32, width_px=32, width=32, heads=2, layers=4, time_every=2, registers=2, window=5
    )
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    model = copied(model, gate)
    if model.gating is not None:
        if bias is None:
            torch.nn.init.normal_(model.gating.logit.weight, std=2.0)
        else:
            torch.nn.init.constant_(model.gating.logit.bias, bias)
    return model.eval()


def held(frames: list[Tensor]) -> Tensor:
    """Where a pixel of all channels is, to the bit, what it was a frame before."""
    pairs = zip(frames[:-1], frames[1:], strict=True)
    return torch.stack([(one == other).all(1) for one, other in pairs])


@pytest.mark.parametrize("passes", [1, 2])
def test_shut_it_keeps_every_bit_and_open_it_changes_none(passes: int) -> None:
    assert held(play(Stepper(made(bias=-9.0), passes, doubts=True))).all()
    plain = play(Stepper(made(gate=0), passes))
    for one, other in zip(play(Stepper(made(bias=9.0), passes)), plain, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("passes", [1, 2])
def test_cells_are_kept_or_drawn_whole(passes: int) -> None:
    kept = held(play(Stepper(made(), passes))).unflatten(-1, (16, 2)).unflatten(-3, (16, 2))
    cells = kept.float().mean((-1, -3))
    assert set(cells.unique().tolist()) == {0.0, 1.0}


def test_a_dream_alone_is_the_one_in_a_batch() -> None:
    stepper = Stepper(made(), 2)
    both = play(stepper)
    for alone, batched in zip(play(stepper, slice(1, 2)), both, strict=True):
        assert torch.equal(alone, batched[1:])


def test_nothing_kept_is_doubted() -> None:
    shut, opened = Stepper(made(bias=-9.0), doubts=True), Stepper(made(bias=9.0), doubts=True)
    play(shut)
    play(opened)
    assert not shut.doubt.any() and (opened.doubt > 0.0).all()


@given(PIXEL, PIXEL, st.integers(0, 3), st.sampled_from([-1.0, 1.0]))
def test_a_change_is_told_of_its_cell_and_those_within_two_pixels(
    row: int, column: int, channel: int, way: float
) -> None:
    gate = Gate(patch_px=16, width=8, channels=4)
    before = torch.zeros(1, 4, 32, 32)
    after = before.clone()
    after[0, channel, row, column] = way * (0.02 if channel < 3 else 0.001)
    assert not gate.changed(before, before).any()
    changed = gate.changed(before, after)[0, 0] > 0
    assert changed.shape == (8, 8)
    for y in range(8):
        for x in range(8):
            far = max(4 * y - row, row - 4 * y - 3, 4 * x - column, column - 4 * x - 3)
            assert changed[y, x] == (far <= 2)


def test_a_little_noise_is_no_change() -> None:
    gate = Gate(patch_px=16, width=8, channels=4)
    before = torch.zeros(1, 4, 32, 32)
    level = torch.tensor([2 / 255, 2 / 255, 2 / 255, 0.0005])[:, None, None]
    assert not gate.changed(before, before + level).any()


def test_it_sees_what_the_transformer_thought() -> None:
    gate = Gate(patch_px=8, width=8, channels=4)
    torch.nn.init.normal_(gate.logit.weight)
    frame, tokens = torch.zeros(1, 4, 32, 32), torch.zeros(1, 16, 8)
    plain = gate(frame, frame, tokens)
    tokens[0, 4 * 1 + 2] = 3.0  # the patch in row 1, column 2
    differs = (gate(frame, frame, tokens) - plain)[0, 0] != 0.0
    assert differs[4:8, 8:12].all()
    assert not differs[:, 0].any()  # beyond the reach of three convolutions


def test_a_nan_is_not_kept() -> None:
    gate = Gate(patch_px=8, width=8, channels=4)
    kept = gate.kept(torch.tensor([[[[float("nan"), -9.0, 9.0, 0.0]]]]))
    assert kept[0, 0, 0].tolist() == [False] * 2 + [True] * 2 + [False] * 4
    model = made()
    torch.nn.init.constant_(model.head.bias, float("nan"))
    assert play(Stepper(model))[-1].isnan().all()


def test_half_precision_draws_through_it_as_well() -> None:
    model = made().to(torch.bfloat16)
    frames = play(Stepper(model))
    assert frames[-1].dtype == torch.float32 and held(frames).any() and not held(frames).all()


def test_a_checkpoint_keeps_it(tmp_path: Path) -> None:
    model = made()
    model.save_pretrained(tmp_path)
    again = load(tmp_path)
    assert again.config.gate == 8
    for one, other in zip(play(Stepper(again)), play(Stepper(model)), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_copy_has_a_gate_of_its_own() -> None:
    model = made()
    assert copied(model, 0).gating is None
    other = copied(model, 16)
    assert other.config.gate == 16 and other.gating is not None
    assert not other.gating.logit.weight.any()  # of the old one nothing
    assert torch.equal(other.head.weight, model.head.weight)


def test_patches_that_cannot_be_cut_in_four() -> None:
    with pytest.raises(ValueError, match="gate needs patches of 4, 8, ... px, got 6"):
        WorldModel(height_px=18, width_px=18, patch_px=6, gate=8)
