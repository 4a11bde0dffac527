"""Laws of the world model: causality, the cache, the window, what is hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.patches import patchify, unpatchify
from worldsim.models.stepper import Stepper

FRAMES = 12


@pytest.fixture(scope="module")
def model() -> WorldModel:
    """Small, with weights large enough that every input matters."""
    torch.manual_seed(0)
    made = WorldModel(
        height_px=32, width_px=32, width=32, heads=2, layers=4, time_every=2, registers=2, window=5
    )
    for parameter in made.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return made.eval()


def inputs(frames: int = FRAMES, seed: int = 1) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "hidden_states": torch.randn(2, frames, 4, 32, 32, generator=rng),
        "timestep": torch.rand(2, frames, generator=rng),
        "actions": torch.randn(2, frames, 2, generator=rng),
        "previous": torch.randn(2, frames, 4, 32, 32, generator=rng),
    }


@given(rows=st.integers(1, 3), columns=st.integers(1, 3), patch=st.sampled_from([2, 4]))
@settings(max_examples=15, deadline=None)
def test_patches_round_trip(rows: int, columns: int, patch: int) -> None:
    images = torch.randn(2, 4, rows * patch, columns * patch)
    patches = patchify(images, patch)
    assert patches.shape == (2, rows * columns, 4 * patch**2)
    assert torch.equal(unpatchify(patches, patch, rows * patch), images)


def test_a_patch_is_a_square_of_the_image() -> None:
    image = torch.randn(4, 16, 24)
    second_row_third = patchify(image, 8)[5]
    assert torch.equal(second_row_third.view(4, 8, 8), image[:, 8:16, 16:24])


@torch.no_grad()
def test_cached_frames_equal_uncached_past_the_window(model: WorldModel) -> None:
    given_ = inputs()
    whole = model(**given_)
    cache = model.new_cache(2)
    for t in range(FRAMES):
        one = {name: value[:, t : t + 1] for name, value in given_.items()}
        stepped = model(**one, cache=cache)
        cache.advance()
        assert (stepped - whole[:, t : t + 1]).abs().max() < 1e-5
    assert all(keys is not None and keys.shape[3] == 5 for keys in cache.keys)


@torch.no_grad()
@pytest.mark.parametrize("name", ["hidden_states", "actions", "previous", "timestep"])
def test_the_future_does_not_reach_the_past(model: WorldModel, name: str) -> None:
    given_ = inputs()
    before = model(**given_)
    given_[name] = given_[name].clone()
    given_[name][:, 7:] = inputs(seed=2)[name][:, 7:]
    after = model(**given_)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])
    loose = model(**given_, causal=False)
    assert not torch.allclose(loose[:, 0], after[:, 0])


@torch.no_grad()
def test_a_time_layer_looks_back_as_far_as_the_window(model: WorldModel) -> None:
    mask = model.time_mask(8, True, torch.device("cpu"))
    assert mask.sum(1).tolist() == [1, 2, 3, 4, 5, 5, 5, 5]
    assert not mask.triu(1).any()
    assert model.time_mask(8, torch.tensor(False), torch.device("cpu")).all()


@torch.no_grad()
def test_at_pure_noise_the_noise_does_not_matter(model: WorldModel) -> None:
    given_ = inputs()
    given_["timestep"] = torch.zeros_like(given_["timestep"])
    one = model(**given_)
    given_["hidden_states"] = inputs(seed=3)["hidden_states"]
    assert torch.equal(one, model(**given_))


@torch.no_grad()
def test_hidden_frames_and_dropped_actions_do_not_matter(model: WorldModel) -> None:
    given_, nothing = inputs(), torch.zeros(2, FRAMES, dtype=torch.bool)
    other = inputs(seed=4)
    for name, flag in (("previous", "given"), ("actions", "action_given")):
        one = model(**given_, **{flag: nothing})
        assert torch.equal(one, model(**{**given_, name: other[name]}, **{flag: nothing}))
        assert not torch.allclose(one, model(**given_))


def test_an_untrained_model_draws_the_mean_image() -> None:
    fresh = WorldModel(height_px=16, width_px=16, width=32, heads=2, layers=4)
    fresh.mean_image.copy_(torch.rand(1, 4, 16, 16))
    given_ = inputs(3)
    small = {k: v[..., :16, :16] if v.ndim == 5 else v for k, v in given_.items()}
    assert torch.equal(fresh(**small), fresh.mean_image.expand(2, 3, 4, 16, 16))


def test_save_and_load_round_trip(model: WorldModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    twin = load(tmp_path)
    given_ = inputs(3)
    with torch.no_grad():
        assert torch.equal(model(**given_), twin(**given_))
    assert twin.config.window == 5


def test_impossible_shapes_are_refused(model: WorldModel) -> None:
    with pytest.raises(ValueError, match="patch 8 px does not divide 20 x 32"):
        WorldModel(height_px=20, width_px=32)
    with pytest.raises(ValueError, match="multiple of 4"):
        WorldModel(width=30, heads=3)
    with pytest.raises(ValueError, match="one frame"):
        model(**inputs(2), cache=model.new_cache(2))


@pytest.fixture(scope="module")
def several() -> WorldModel:
    """Knows three scenarios of one, three and eight action channels."""
    torch.manual_seed(0)
    made = WorldModel(
        height_px=16,
        width_px=16,
        width=32,
        heads=2,
        layers=4,
        time_every=2,
        refine=8,
        scenarios=("swing", "occlude", "arm"),
        frame_rate_hz=(20, 10, 20),
        depth_range_m=((0.5, 2.0), (1.0, 3.0), (0.2, 9.0)),
        action_mean=((0.1,), (0.0, 0.2, 0.0), (0.0,) * 8),
        action_std=((0.5,), (1.0, 2.0, 1.0), (1.0,) * 8),
        passes=(1, 4, 2),
    )
    for parameter in made.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    made.mean_image.copy_(torch.rand(3, 4, 16, 16))
    return made.eval()


@torch.no_grad()
def test_rows_of_a_batch_may_be_of_different_scenarios(several: WorldModel) -> None:
    frames, levels = torch.randn(3, 2, 4, 16, 16), torch.zeros(3, 2)
    actions = torch.randn(3, 2, 8)
    numbers = torch.tensor([2, 0, 1])
    together = several(frames, levels, actions, frames, numbers)
    for row, number in enumerate(numbers.tolist()):
        size = len(several.config.action_mean[number])
        one = slice(row, row + 1)
        alone = several(frames[one], levels[one], actions[one, :, :size], frames[one], numbers[one])
        assert (alone - together[one]).abs().max() < 1e-5
    elsewhere = several(frames, levels, actions, frames, numbers.roll(1))
    assert not torch.allclose(elsewhere, together)
    with pytest.raises(ValueError, match="must be told which"):
        several(frames, levels, actions, frames)


@torch.no_grad()
def test_channels_that_a_scenario_has_not_do_not_matter(several: WorldModel) -> None:
    frames, levels = torch.randn(1, 2, 4, 16, 16), torch.zeros(1, 2)
    swing = torch.tensor([0])
    one, other = torch.zeros(1, 2, 8), torch.zeros(1, 2, 8)
    other[..., 1:] = 3.0
    assert torch.equal(
        several(frames, levels, one, frames, swing), several(frames, levels, other, frames, swing)
    )
    other[..., 0] = 1.0
    assert not torch.allclose(
        several(frames, levels, one, frames, swing), several(frames, levels, other, frames, swing)
    )


def test_a_domain_is_what_the_checkpoint_says(several: WorldModel, tmp_path: Path) -> None:
    several.save_pretrained(tmp_path)
    domain = load(tmp_path).domain("occlude")
    assert (domain.index, domain.action_size, domain.frame_rate_hz) == (1, 3, 10)
    assert (domain.depth_range_m, domain.passes) == ((1.0, 3.0), 4)
    with pytest.raises(InputError, match="did you mean occlude"):
        several.domain("oclude")
    stepper = Stepper(several, scenario=domain.index)
    stepper.start(torch.rand(2, 1, 4, 16, 16))
    assert stepper.step(torch.zeros(2, 3)).shape == (2, 4, 16, 16)


def test_domains_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="every scenario needs"):
        WorldModel(scenarios=("push", "drop"))
    with pytest.raises(ValueError, match="actions have 1 to 8 channels"):
        WorldModel(action_mean=((0.0,) * 9,), action_std=((1.0,) * 9,))
    with pytest.raises(ValueError, match="near, far"):
        WorldModel(depth_range_m=((2.0, 1.0),))
    for passes in ((1, 2), (0,), (1.5,)):
        with pytest.raises(ValueError, match="passes must be 1 or more for every scenario"):
            WorldModel(passes=passes)


@torch.no_grad()
def test_a_full_pass_sees_the_future_and_hides_what_is_not_given(model: WorldModel) -> None:
    given_ = inputs()
    past = model(**given_, causal=torch.tensor(True))
    assert torch.equal(past, model(**given_))
    full = model(**given_, causal=torch.tensor(False))
    other = {**given_, "hidden_states": given_["hidden_states"].clone()}
    other["hidden_states"][:, -1] += 1.0
    assert not torch.equal(full[:, 0], model(**other, causal=torch.tensor(False))[:, 0])


def test_a_snapshot_branches_a_dream(model: WorldModel) -> None:
    stepper = Stepper(model)
    start = inputs(3)
    stepper.start(start["previous"].clamp(-1, 1), start["actions"][:, :2])
    stepper.step(start["actions"][:, 0])
    point = stepper.snapshot()
    ahead = [stepper.step(start["actions"][:, i]) for i in range(3)]
    stepper.restore(point)
    assert all(
        torch.equal(frame, stepper.step(start["actions"][:, i])) for i, frame in enumerate(ahead)
    )
    stepper.restore(point)
    other = stepper.step(-start["actions"][:, 0])
    assert not torch.equal(other, ahead[0])


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_passes_hang_on_the_generator_only_beyond_one(model: WorldModel, passes: int) -> None:
    frames, actions = inputs(1)["previous"].clamp(-1, 1), inputs(1)["actions"][:, 0]

    def drawn(seed: int) -> Tensor:
        stepper = Stepper(model, passes)
        stepper.start(frames)
        return stepper.step(actions, torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(0), drawn(0))
    assert torch.equal(drawn(0), drawn(1)) == (passes == 1)
    assert drawn(0).abs().max() <= 1.0


def test_stepping_as_the_model_sees_clips(model: WorldModel) -> None:
    """Stepping over true frames is the parallel pass of training."""
    given_ = inputs()
    frames = given_["previous"].clamp(-1, 1)
    with torch.no_grad():
        whole = model(
            torch.zeros_like(frames), torch.zeros(2, FRAMES), given_["actions"], frames
        ).clamp(-1, 1)
    for t in range(1, FRAMES):
        stepper = Stepper(model)
        stepper.start(frames[:, : t + 1], given_["actions"][:, :t])
        stepped = stepper.step(given_["actions"][:, t])
        assert (stepped - whole[:, t]).abs().max() < 1e-5


def test_starting_needs_fitting_actions(model: WorldModel) -> None:
    stepper = Stepper(model)
    with pytest.raises(ValueError, match="3 start frames need 2 actions, got 3"):
        stepper.start(inputs(3)["previous"], inputs(3)["actions"])
    with pytest.raises(ValueError, match="start the stepper"):
        stepper.step(inputs(1)["actions"][:, 0])
    with pytest.raises(ValueError, match="passes must be at least 1"):
        Stepper(model, 0)
