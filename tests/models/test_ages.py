"""Dreams of different ages in one batch are what each is alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldsim.models.dit import WorldModel
from worldsim.models.stepper import Stepper

DREAMS, STEPS = 4, 30
STARTS = {0: (4, 0), 1: (1, 3), 2: (8, 9), 3: (2, 21)}
"""By dream: how many start frames, and in which step it begins anew with them."""


@pytest.fixture(scope="module", params=[False, True], ids=["forgets", "pinned"])
def model(request: pytest.FixtureRequest) -> WorldModel:
    torch.manual_seed(0)
    model = WorldModel(
        height_px=16,
        width_px=16,
        patch_px=4,
        width=16,
        heads=2,
        layers=4,
        time_every=2,
        window=5,
        pinned=request.param,
    )
    with torch.no_grad():
        for weights in (model.head.weight, model.final.weight, model.modulation.weight):
            weights.normal_(std=0.1)
    return model.eval()


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(DREAMS, 8, 4, 16, 16, generator=generator) * 2 - 1
    given = torch.rand(DREAMS, 7, 2, generator=generator) * 2 - 1
    return frames, given, torch.rand(STEPS, DREAMS, 2, generator=generator) * 2 - 1


def begun(model: WorldModel, passes: int, dream: int, count: int) -> Stepper:
    frames, given, _ = inputs()
    stepper = Stepper(model, passes)
    stepper.start(frames[dream : dream + 1, :count], given[dream : dream + 1, : count - 1])
    return stepper


@pytest.mark.parametrize("passes", [1, 2])
def test_dreams_that_begin_anew_on_their_own_are_what_each_is_alone(
    model: WorldModel, passes: int
) -> None:
    actions = inputs()[2]
    batch, alone = Stepper(model, passes), {}
    rows = list(range(DREAMS))
    for dream in rows:
        alone[dream] = begun(model, passes, dream, 1)
        batch.put([dream], alone[dream].snapshot(), of=DREAMS)
    noise = [torch.Generator().manual_seed(dream) for dream in rows]
    noise_alone = [torch.Generator().manual_seed(dream) for dream in rows]
    ages = set()
    for step in range(STEPS):
        for dream, (count, when) in STARTS.items():
            if step == when:
                alone[dream] = begun(model, passes, dream, count)
                batch.put([dream], alone[dream].snapshot(), of=DREAMS)
        ages.add(batch.cache.aligned)
        drawn = batch.step(actions[step], noise)
        for dream in rows:
            one = alone[dream].step(actions[step, [dream]], noise_alone[dream])
            assert torch.equal(one[0], drawn[dream])
    assert ages == {False}


@torch.inference_mode()
def test_a_dream_begins_anew_without_a_trace_of_the_one_before(model: WorldModel) -> None:
    """Not even of a NaN that it drew."""
    actions = inputs()[2]
    fresh = begun(model, 1, 0, 2)
    used = begun(model, 1, 1, 8)
    used.put([0], begun(model, 1, 0, 2).snapshot(), of=2)
    used.put([1], begun(model, 1, 1, 8).snapshot(), of=2)
    assert used.last is not None
    used.last[0] = torch.nan
    used.step(actions[0, :2])
    used.put([0], fresh.snapshot(), of=2)
    for step in range(4):
        both = used.step(actions[step, :2])
        assert torch.equal(fresh.step(actions[step, :1])[0], both[0])


def test_a_snapshot_of_one_dream_goes_on_alone(model: WorldModel) -> None:
    actions = inputs()[2]
    batch = Stepper(model)
    for dream, (count, _) in STARTS.items():
        batch.put([dream], begun(model, 1, dream, count).snapshot(), of=DREAMS)
    for step in range(3):
        batch.step(actions[step])
    alone = Stepper(model)
    alone.restore(batch.snapshot([2]))
    for step in range(4):
        both = batch.step(actions[step])[2]
        assert torch.equal(alone.step(actions[step, 2:3])[0], both)
