"""Experiments: variants differ from the reference in one thing, train, and are measured alike."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from worldsim.errors import InputError
from worldsim.experiments import trial as trials
from worldsim.experiments.run import main, table
from worldsim.experiments.trial import Trial
from worldsim.experiments.variants import Variant, VelocityModel, variants
from worldsim.models.load import load
from worldsim.recipes import tiny
from worldsim.training.optimiser import Optimiser
from worldsim.training.settings import Architecture, Recipe, Settings

SMALL = Recipe(
    "small", Architecture(width=32, layers=4, heads=2), Settings(clip_frames=5, warm_up_steps=1)
)


def test_each_variant_changes_one_thing() -> None:
    reference, *others = variants(tiny())
    assert len({variant.name for variant in others}) == len(others)
    for variant in others:
        before, after = asdict(reference.recipe), asdict(variant.recipe)
        changed = {
            name
            for part in ("architecture", "settings")
            for name in before[part]
            if before[part][name] != after[part][name]
        }
        changed -= {"clips_per_worker"} if "clip_frames" in changed else set()
        others_changed = (variant.kind is not reference.kind) + (not variant.depth)
        assert len(changed) + others_changed == 1, variant.name


def test_a_velocity_model_leaves_a_clean_frame_as_it_is() -> None:
    torch.manual_seed(0)
    model = VelocityModel(width=32, layers=2, heads=2).eval()
    model.mean_image.fill_(0.5)
    frames = torch.rand(1, 3, 4, 64, 64)
    actions, clean = torch.zeros(1, 3, 2), torch.ones(1, 3)
    assert torch.equal(model(frames, clean, actions, frames), frames)
    half = model(frames, 0.5 * clean, actions, frames)
    assert torch.allclose(half, frames + 0.25, atol=1e-6)


def test_no_muon_leaves_all_weights_to_adamw() -> None:
    model = VelocityModel(width=32, layers=2, heads=2)
    optimiser = Optimiser(model, replace(SMALL.settings, muon_rate=0.0), torch.float32)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step(0, 0.0)
    pairs = zip(before, model.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in pairs)
    optimiser.load_state_dict(optimiser.state_dict())


@pytest.mark.parametrize(
    "variant",
    [
        Variant("plain", SMALL),
        Variant("flow", SMALL, VelocityModel),
        Variant("flat", SMALL, depth=False),
    ],
    ids=lambda variant: variant.name,
)
def test_a_trial_trains_measures_and_is_kept(
    variant: Variant, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "HORIZONS", (2, 5))
    trial = Trial(data, 2, 0.03, tmp_path)
    row = trial(variant, 1)
    assert row["steps"] > 1 and row["one_step_ratio"] > 0.0 < row["shuffle_ratio"]
    assert {f"psnr_db_{step}_k{passes}" for step in (2, 5) for passes in (1, 2, 4)} < set(row)
    (file,) = tmp_path.glob("*.json")
    loads = variant.depth and variant.kind is not VelocityModel
    assert file.with_suffix("").is_dir() == loads
    if loads:
        assert load(file.with_suffix("")).num_parameters() == row["parameters"]
    file.write_text(json.dumps(row | {"steps": -1}))
    assert trial(variant, 1)["steps"] == -1  # not trained again
    with pytest.raises(InputError, match="another --out"):
        replace(trial, minutes=0.02)(variant, 1)


def test_a_trial_begins_from_a_checkpoint_of_its_shape(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "HORIZONS", (2, 5))
    Trial(data, 2, 0.02, tmp_path)(Variant("plain", SMALL), 1)
    first = tmp_path / "plain-1"
    quiet = Variant("quiet", replace(SMALL, settings=replace(SMALL.settings, history_chance=0.0)))
    assert Trial(data, 2, 1e-9, tmp_path, first)(quiet, 2)["steps"] == 0
    pairs = zip(load(first).parameters(), load(tmp_path / "quiet-2").parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    wide = replace(SMALL, architecture=replace(SMALL.architecture, width=48))
    with pytest.raises(InputError, match="another shape"):
        Trial(data, 2, 1e-9, tmp_path, first)(Variant("wide", wide), 2)


def test_the_table_has_a_row_a_variant_and_tells_how_far_seeds_lie_apart() -> None:
    row = {f"psnr_db_{step}_k{passes}": 20.0 for step in (16, 48) for passes in (1, 2, 4)}
    row |= {"one_step_ratio": 0.5, "shuffle_ratio": 2.0}
    rows = [{**row, "variant": name, "steps": 10} for name in ("a", "b", "a")]
    rows[2]["one_step_ratio"] = 0.7
    lines = table(rows).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| a | 10 | 0.60 ± 0.10 | 2.00 ± 0.00 | 20.0 ±")


def test_a_variant_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no depth"):
        main(tmp_path, tmp_path, only=("no dept",))
