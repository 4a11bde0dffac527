"""What is no whole world model of this version is refused in one line, however it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file

from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.load import load
from worldsim.models.pipeline import WorldModelPipeline

WEIGHTS = "diffusion_pytorch_model.safetensors"
Damage = Callable[[Path], None]


def in_config(**changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text()) | changes
        config = {key: value for key, value in config.items() if value is not None}
        path.write_text(json.dumps(config))

    return damage


def in_weights(name: str, change: Callable[[torch.Tensor], torch.Tensor | None]) -> Damage:
    def damage(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        changed = change(weights.pop(name, torch.zeros(2)))
        save_file(weights | ({} if changed is None else {name: changed}), folder / WEIGHTS)

    return damage


def to_pickle(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "diffusion_pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def to_shards(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"place": "other.bin"}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def with_one(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(weight: torch.Tensor) -> torch.Tensor:
        weight.view(-1)[-1] = value
        return weight

    return change


DAMAGES = [
    pytest.param(in_config(format_version=1), "model format 1, this version reads 2", id="old"),
    pytest.param(in_config(format_version=9), "model format 9, this version reads 2", id="new"),
    pytest.param(in_config(window=None), "config.json lacks window", id="config-lacks"),
    pytest.param(in_config(temperature=1), "foreign key 'temperature'", id="config-foreign"),
    pytest.param(in_config(_class_name="UNet2DModel"), "describes a UNet2DModel", id="class"),
    pytest.param(in_config(heads=0), "no readable world model: .*zero", id="config-impossible"),
    pytest.param(in_config(width="wide"), "no readable world model", id="config-words"),
    pytest.param(in_weights("place", lambda _: None), "it lacks place", id="lacks"),
    pytest.param(in_weights("extra", lambda w: w), "foreign key 'extra'", id="foreign"),
    pytest.param(
        in_weights("place", lambda w: w[1:]),
        r"holds place of shape \(3, 16\), the model's is \(4, 16\)",
        id="shape",
    ),
    pytest.param(in_config(width=32), "shape .* the model's is", id="other-config"),
    pytest.param(in_weights("place", with_one(float("nan"))), "place holds a NaN", id="nan"),
    pytest.param(in_weights("mean_image", with_one(float("inf"))), "an infinity", id="infinity"),
    pytest.param(to_pickle, "_model.bin may be a pickle, which is not opened", id="pickle"),
    pytest.param(to_shards, "needs its weights in one file", id="shards"),
    pytest.param(lambda f: (f / WEIGHTS).unlink(), "needs its weights in one file", id="bare"),
    pytest.param(lambda f: (f / WEIGHTS).write_bytes(b"x" * 40), "no readable", id="garbage"),
    pytest.param(lambda f: (f / "config.json").write_text("{"), "no readable", id="no-json"),
    pytest.param(lambda f: (f / "config.json").unlink(), "config.json is missing", id="no-config"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline's folder; its transformer is a checkpoint's."""
    model = WorldModel(height_px=16, width_px=16, width=16, heads=2, layers=4)
    folder: Path = tmp_path_factory.mktemp("whole") / "pipeline"
    WorldModelPipeline(model, FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_what_does_not_fit_is_refused_in_one_line(
    whole: Path, tmp_path: Path, damage: Damage, said: str
) -> None:
    pipeline = Path(shutil.copytree(whole, tmp_path / "pipeline"))
    model = pipeline / "transformer"
    load(model)
    damage(model)
    readers = (load, model), (WorldModelPipeline.from_pretrained, model)
    for read, folder in (*readers, (WorldModelPipeline.from_pretrained, pipeline)):
        with pytest.raises(InputError, match=said) as error:
            read(folder)
        assert "\n" not in str(error.value) and "http" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("model_index.json", "{", "model_index.json is damaged"),
        ("model_index.json", "[]", "model_index.json is damaged"),
        ("model_index.json", '{"_class_name": "DiTPipeline"}', "describes a DiTPipeline"),
        ("model_index.json", '{"_class_name": "WorldModelPipeline"}', "lacks scheduler"),
        ("scheduler/scheduler_config.json", "{", "no readable scheduler"),
        ("scheduler/scheduler_config.json", None, "lacks scheduler_config.json"),
    ],
)
def test_a_pipeline_that_is_damaged(
    whole: Path, tmp_path: Path, file: str, text: str | None, said: str
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "pipeline"))
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    with pytest.raises(InputError, match=said) as error:
        WorldModelPipeline.from_pretrained(folder)
    assert "\n" not in str(error.value)


def test_nothing_that_a_pipeline_names_is_imported(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "pipeline"))
    index = json.loads((folder / "model_index.json").read_text())
    for foreign in ({"transformer": ["antigravity", "fly"]}, {"vae": ["diffusers", "VQModel"]}):
        (folder / "model_index.json").write_text(json.dumps(index | foreign))
        with pytest.raises(InputError, match=f"foreign component {next(iter(foreign))}"):
            WorldModelPipeline.from_pretrained(folder)


def test_half_weights_are_read_in_the_type_that_is_asked_for(whole: Path) -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert {p.dtype for p in load(whole / "transformer", dtype).parameters()} == {dtype}
