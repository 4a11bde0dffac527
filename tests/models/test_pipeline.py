"""The pipeline draws what every other way to the model draws, as diffusers pipelines do."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.utils.torch_utils import randn_tensor
from gymnasium.utils import seeding
from tiny_checkpoint import write_checkpoint
from torch import Tensor

from worldsim import checkpoints
from worldsim.data.store import load_episode
from worldsim.dreams import Dreamer
from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.models.dit import WorldModel
from worldsim.models.pipeline import WorldModelPipeline, WorldModelPipelineOutput
from worldsim.models.stepper import Stepper


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Episode]]:
    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    return folder, write_checkpoint(folder)


@pytest.fixture
def pipe(checkpoint: tuple[Path, list[Episode]]) -> WorldModelPipeline:
    made = WorldModelPipeline.from_pretrained(checkpoint[0])
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def episode(checkpoint: tuple[Path, list[Episode]]) -> Episode:
    return checkpoint[1][0]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_hand(model: WorldModel, frames: Tensor, actions: Tensor, passes: int, seed: int) -> Tensor:
    """Euler steps from noise (signal level 0) to frame (1), written out; (b, T, 4, H, W)."""
    cache, last, rng, rows = model.new_cache(len(frames)), frames, seeded(seed), []
    for t in range(actions.shape[1]):
        state = randn_tensor(last.shape, rng) if passes > 1 else torch.zeros_like(last)
        for i in range(passes):
            level, following = i / passes, (i + 1) / passes
            levels = torch.full((len(state), 1), level)
            drawn = model(state[:, None], levels, actions[:, t : t + 1], last[:, None], cache=cache)
            noise = (state - level * drawn[:, 0]) / (1 - level)
            state = following * drawn[:, 0] + (1 - following) * noise
        cache.advance()
        last = state.clamp(-1, 1)
        rows.append(last)
    return torch.stack(rows, 1)


@torch.no_grad()
@pytest.mark.parametrize("passes", [1, 2, 3, 4])
def test_the_scheduler_makes_eulers_steps(pipe: WorldModelPipeline, passes: int) -> None:
    model, rng = pipe.transformer, seeded(1)
    frames = torch.rand(2, 4, 64, 64, generator=rng) * 2 - 1
    actions = torch.rand(2, 5, 2, generator=rng) * 2 - 1
    stepper, noise = Stepper(model, passes, scheduler=pipe.scheduler), seeded(7)
    stepper.start(frames[:, None])
    stepped = torch.stack([stepper.step(actions[:, t], noise) for t in range(5)], 1)
    assert (stepped - by_hand(model, frames, actions, passes, 7)).abs().max() < 1e-5
    assert (stepped[:, -1] - stepped[:, 0]).abs().max() > 0.1


@pytest.mark.parametrize(("start", "passes"), [(1, 1), (4, 1), (1, 2), (3, 4)])
def test_it_draws_what_a_dreamer_draws(
    checkpoint: tuple[Path, list[Episode]], pipe: WorldModelPipeline, start: int, passes: int
) -> None:
    folder, episodes = checkpoint
    dreamt = Dreamer(folder, start, passes).all(episodes, [each.actions for each in episodes])
    frames, depth_m, actions = (
        np.stack([getattr(each, name) for each in episodes])
        for name in ("frames", "depth_m", "actions")
    )
    generators = [seeded(0), seeded(1)]
    out = pipe(frames[:, :start], depth_m[:, :start], actions, passes, generators)
    assert np.array_equal(out.frames, np.stack([d.frames for d in dreamt]).astype("f4") / 255)
    assert np.array_equal(out.depth_m, np.stack([d.depth_m for d in dreamt]))
    assert not np.array_equal(out.frames[0], out.frames[1])
    # Alone as in the batch: depth to a tenth of a millimetre, noise and all.
    alone = pipe(frames[1, :start], depth_m[1, :start], actions[1], passes, seeded(1))
    assert np.abs(alone.depth_m[0] - out.depth_m[1]).max() < 1e-4


@pytest.mark.parametrize("passes", [1, 2])
def test_it_draws_what_the_environment_draws(
    checkpoint: tuple[Path, list[Episode]], pipe: WorldModelPipeline, passes: int
) -> None:
    folder, (episode, _) = checkpoint
    env = gymnasium.make(
        "worldsim/Push-WM-v0", checkpoint=str(folder), passes=passes, end_on_success=False
    )
    env.reset(seed=3, options={"episode": episode, "start_frames": 2})
    seen = [env.step(action)[0] for action in episode.actions[1:]]
    env.close()
    seed = int(seeding.np_random(3)[0].integers(2**63))
    start = episode.part(0, 1)
    out = pipe(start.frames, start.depth_m, episode.actions, passes, seeded(seed))
    assert np.array_equal(out.frames[0, 2:], np.stack(seen).astype("f4") / 255)


def test_a_model_tells_how_many_passes_draw_it_best(
    checkpoint: tuple[Path, list[Episode]], episode: Episode, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoint[0], tmp_path / "two"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "passes": [2]}))
    pipe = WorldModelPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    start = (episode.frames[:1], episode.depth_m[:1], episode.actions)
    drawn = pipe(*start, generator=seeded(0)).frames[0]
    assert np.array_equal(drawn, pipe(*start, 2, seeded(0)).frames[0])
    assert not np.array_equal(drawn, pipe(*start, 1).frames[0])
    dreamt = [Dreamer(folder, 1, k)(episode, episode.actions).frames for k in (None, 2, 1)]
    assert np.array_equal(dreamt[0], dreamt[1]) and not np.array_equal(dreamt[0], dreamt[2])
    seen = []
    for passes in (None, 2, 1):
        env = gymnasium.make("worldsim/Push-WM-v0", checkpoint=str(folder), passes=passes)
        env.reset(seed=3, options={"episode": episode})
        seen.append(env.step(episode.actions[0])[0])
        env.close()
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


def test_it_is_a_diffusers_pipeline(
    pipe: WorldModelPipeline, episode: Episode, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(pipe, DiffusionPipeline) and set(pipe.components) == {
        "transformer",
        "scheduler",
    }
    pipe.save_pretrained(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.safetensors",
    }
    twin = WorldModelPipeline.from_pretrained(tmp_path)
    given = (episode.frames[:2], episode.depth_m[:2], episode.actions[:5], 2)
    capfd.readouterr()
    one, two = pipe(*given, seeded(4)), twin.to("cpu")(*given, seeded(4))
    assert "4/4" in capfd.readouterr().err, "the twin shows how far it is, the other was told not"
    assert isinstance(one, WorldModelPipelineOutput)
    assert np.array_equal(one.frames, two.frames) and np.array_equal(one[1], two["depth_m"])
    assert not np.array_equal(one.frames, pipe(*given, seeded(5)).frames)
    frames, depth_m = pipe(*given, seeded(4), return_dict=False)
    assert np.array_equal(frames, one.frames) and np.array_equal(depth_m, one.depth_m)


def test_every_output_type_shows_the_same(pipe: WorldModelPipeline, episode: Episode) -> None:
    given = (episode.frames[:2], episode.depth_m[:2], episode.actions[:4])
    arrays, tensors, images = (pipe(*given, output_type=kind) for kind in ("np", "pt", "pil"))
    assert arrays.frames.shape == (1, 5, 64, 64, 3) and arrays.frames.dtype == np.float32
    assert arrays.depth_m.shape == (1, 5, 64, 64) and arrays.depth_m.dtype == np.float32
    assert np.array_equal(arrays.frames[0, :2], episode.frames[:2].astype("f4") / 255)
    assert np.array_equal(arrays.depth_m[0, :2], episode.depth_m[:2])
    assert tensors.frames.shape == (1, 5, 3, 64, 64)
    assert np.array_equal(tensors.frames.movedim(2, -1).numpy(), arrays.frames)
    assert np.array_equal(tensors.depth_m.numpy(), arrays.depth_m)
    shown = np.stack([np.asarray(image) for image in images.frames[0]])
    assert np.array_equal(shown, np.rint(arrays.frames[0] * 255))


def test_a_dream_goes_on_from_what_it_drew(pipe: WorldModelPipeline, episode: Episode) -> None:
    """As long as all frames so far are given, for a start is taken in as a dream is."""
    whole = pipe(episode.frames[:2], episode.depth_m[:2], episode.actions[:4])
    on = pipe(whole.frames[:, :3], whole.depth_m[:, :3], episode.actions[None, :4])
    assert np.abs(on.frames - whole.frames).max() < 0.02
    assert np.array_equal(on.frames[:, :3], whole.frames[:, :3])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_draws_nearly_the_same(
    checkpoint: tuple[Path, list[Episode]], pipe: WorldModelPipeline, dtype: torch.dtype
) -> None:
    folder, (episode, _) = checkpoint
    half = WorldModelPipeline.from_pretrained(folder, torch_dtype=dtype)
    assert half.dtype == dtype and pipe.dtype == torch.float32
    half.set_progress_bar_config(disable=True)
    given = (episode.frames[:1], episode.depth_m[:1], episode.actions[:3], 2)
    one, other = pipe(*given, seeded(0)), half(*given, seeded(0))
    assert other.frames.dtype == np.float32
    assert 0 < np.abs(one.frames - other.frames).mean() < 0.02


def test_a_scheduler_of_ones_own_is_used(
    checkpoint: tuple[Path, list[Episode]], pipe: WorldModelPipeline, episode: Episode
) -> None:
    shifted = WorldModelPipeline.from_pretrained(
        checkpoint[0], scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0)
    )
    given = (episode.frames[:1], episode.depth_m[:1], episode.actions[:3], 2)
    assert not np.array_equal(pipe(*given, seeded(0)).frames, shifted(*given, seeded(0)).frames)


@pytest.mark.skipif("all-128" not in checkpoints.names(), reason="needs the shipped checkpoint")
def test_a_model_of_several_scenarios_is_told_which() -> None:
    folder = checkpoints.find("all-128")
    pipe = WorldModelPipeline.from_pretrained(folder)
    starts = [load_episode(path) for path in checkpoints.starts(folder)]
    ramp = next(each for each in starts if each.scene.scenario == "ramp").part(0, 3)
    given = (ramp.frames[:2], ramp.depth_m[:2], ramp.actions)
    with pytest.raises(InputError, match="say which scenario of this model: .*ramp"):
        pipe(*given)
    with pytest.raises(InputError, match="did you mean ramp"):
        pipe(*given, scenario="rampp")
    with pytest.raises(InputError, match=r"actions of push must be \(1, T, 2\)"):
        pipe(*given, scenario="push")
    drawn = pipe(*given, scenario="ramp")
    dreamt = Dreamer(folder, 2)(ramp, ramp.actions)
    assert np.array_equal(drawn.depth_m[0], dreamt.depth_m)


FRAMES = np.zeros((3, 64, 64, 3), np.uint8)
DEPTH_M = np.ones((3, 64, 64), np.float32)
ACTIONS = np.zeros((5, 2), np.float32)
BAD = [
    ({"frames": FRAMES[:, :32]}, r"frame or more of \(64, 64, 3\)"),
    ({"frames": FRAMES[0]}, "must be .c, H, W, 3. or"),
    ({"frames": FRAMES[:0], "depth_m": DEPTH_M[:0]}, "one start frame or more"),
    ({"frames": FRAMES.astype(int)}, "uint8 or floats in 0..1, got int64"),
    ({"frames": FRAMES + 2.0}, "must lie in 0..1"),
    ({"frames": FRAMES * np.nan}, "must lie in 0..1"),
    ({"frames": "start.png"}, "must be .c, H, W, 3. or"),
    ({"frames": [[1, 2], [3]]}, "frames must be an array"),
    ({"depth_m": DEPTH_M[:2]}, "like the frames, got"),
    ({"depth_m": DEPTH_M * np.inf}, "depth_m holds a NaN or an infinity"),
    ({"depth_m": DEPTH_M - 1}, "depth_m must be above 0"),
    ({"depth_m": "far"}, "depth_m must be an array of numbers"),
    ({"actions": ACTIONS[:2]}, "3 start frames need 2 actions between them and one more"),
    ({"actions": ACTIONS[:, :1]}, r"actions of push must be \(1, T, 2\), got \(1, 5, 1\)"),
    ({"actions": np.stack([ACTIONS] * 2)}, r"actions of push must be \(1, T, 2\)"),
    ({"actions": ACTIONS * np.nan}, "actions holds a NaN"),
    ({"num_inference_steps": 0}, "whole number above 0, got 0"),
    ({"num_inference_steps": 1.5}, "whole number above 0, got 1.5"),
    ({"generator": [seeded(0), seeded(1)]}, "1 dreams need as many generators, got 2"),
    ({"scenario": "drop"}, "unknown scenario of this model 'drop'"),
    ({"output_type": "latent"}, "unknown output_type 'latent'"),
]


@pytest.mark.parametrize(("wrong", "said"), BAD)
def test_what_does_not_fit_is_said_in_words(
    pipe: WorldModelPipeline, wrong: dict[str, Any], said: str
) -> None:
    given = {"frames": FRAMES, "depth_m": DEPTH_M, "actions": ACTIONS}
    with pytest.raises(InputError, match=said):
        pipe(**{**given, **wrong})


def test_where_and_how_it_is_kept_is_said_in_words(
    checkpoint: tuple[Path, list[Episode]], pipe: WorldModelPipeline, tmp_path: Path
) -> None:
    read, folder = WorldModelPipeline.from_pretrained, checkpoint[0]
    with pytest.raises(InputError, match="never as a pickle"):
        pipe.save_pretrained(tmp_path / "out", safe_serialization=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="there is no folder somebody/model"):
        read("somebody/model")
    with pytest.raises(InputError, match="from safetensors in local folders only"):
        read(folder, use_safetensors=False)
    with pytest.raises(InputError, match="torch.float32 or a half, got torch.int8"):
        read(folder, torch_dtype=torch.int8)


def test_a_model_that_draws_a_nan_is_stopped(pipe: WorldModelPipeline) -> None:
    with torch.no_grad():
        pipe.transformer.head.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="drew a NaN"):
        pipe(FRAMES, DEPTH_M, ACTIONS)


@pytest.mark.skipif("push-64" not in checkpoints.names(), reason="needs the shipped checkpoint")
def test_the_example_runs() -> None:
    assert WorldModelPipeline.__doc__ is not None
    code = WorldModelPipeline.__doc__.partition("Example::\n")[2]
    exec(textwrap.dedent(code), shown := {})
    shape = re.search(r"shape  # (.*)", code)
    assert shape is not None and str(shown["out"].frames[0].shape) == shape[1]
