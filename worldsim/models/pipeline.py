"""The world model as a diffusers pipeline: start frames and actions in, frames and depth out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.utils import BaseOutput
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from worldsim.errors import InputError, unknown
from worldsim.models.dit import WorldModel
from worldsim.models.domain import Domain
from worldsim.models.load import load
from worldsim.models.stepper import Generators, Stepper, dream

OutputType = Literal["np", "pt", "pil"]
_OUTPUT_TYPES = ("np", "pt", "pil")
_COMPONENTS = {
    "transformer": [WorldModel.__module__, WorldModel.__name__],
    "scheduler": ["diffusers", FlowMatchEulerDiscreteScheduler.__name__],
}


@dataclass
class WorldModelPipelineOutput(BaseOutput):  # type: ignore[misc]
    """T + 1 frames of each of b dreams, the start frames first.

    `frames` is float32 in 0..1: an array (b, T + 1, H, W, 3), a tensor (b, T + 1, 3, H, W), or b
    lists of PIL images; `depth_m` (b, T + 1, H, W) in metres, a tensor where the frames are one.
    """

    frames: Any
    depth_m: Any


class WorldModelPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Draws on from start frames under actions; `WorldModel` does it, by the scheduler's steps.

    Example::

        import numpy as np
        import torch
        from worldsim import checkpoints
        from worldsim.data.store import load_episode
        from worldsim.models.pipeline import WorldModelPipeline

        folder = checkpoints.find("push-64")
        pipe = WorldModelPipeline.from_pretrained(folder)
        start = load_episode(checkpoints.starts(folder)[0]).part(0, 3)
        actions = np.concatenate([start.actions, np.zeros((8, 2))])
        out = pipe(start.frames, start.depth_m, actions, generator=torch.manual_seed(0))
        out.frames[0].shape  # (12, 64, 64, 3)
    """

    model_cpu_offload_seq = "transformer"

    def __init__(self, transformer: WorldModel, scheduler: FlowMatchEulerDiscreteScheduler) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, scheduler=scheduler)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        torch_dtype: torch.dtype = torch.float32,
        scheduler: FlowMatchEulerDiscreteScheduler | None = None,
        local_files_only: Literal[True] = True,
        use_safetensors: Literal[True] = True,
    ) -> WorldModelPipeline:
        """What `save_pretrained` wrote, or a checkpoint's or a training run's folder.

        Nothing is fetched and no pickle opened. Raises InputError where the folder holds no world
        model of this version, see `load`.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}; a pipeline is read from one, offline")
        if not (local_files_only and use_safetensors):
            raise InputError("a world model is read from safetensors in local folders only")
        if not isinstance(torch_dtype, torch.dtype) or not torch_dtype.is_floating_point:
            raise InputError(f"torch_dtype must be torch.float32 or a half, got {torch_dtype}")
        if not (folder / cls.config_name).is_file():
            scheduler = scheduler or FlowMatchEulerDiscreteScheduler()
            return cls(load(folder, torch_dtype), scheduler)
        _check_index(folder / cls.config_name, cls.__name__)
        transformer = load(folder / "transformer", torch_dtype)
        return cls(transformer, scheduler or _scheduler(folder / "scheduler"))

    def save_pretrained(
        self, save_directory: str | Path, safe_serialization: Literal[True] = True, **options: Any
    ) -> None:
        """Write model_index.json, the model's config and safetensors, the scheduler's config."""
        if not safe_serialization:
            raise InputError("a world model is saved as safetensors, never as a pickle")
        super().save_pretrained(save_directory, **options)

    def __call__(
        self,
        frames: ArrayLike,
        depth_m: ArrayLike,
        actions: ArrayLike,
        num_inference_steps: int | None = None,
        generator: Generators = None,
        scenario: str | None = None,
        output_type: OutputType = "np",
        return_dict: bool = True,
    ) -> WorldModelPipelineOutput | tuple[Any, Any]:
        """Draw T + 1 - c frames on from c start frames under T actions.

        frames (c, H, W, 3) or (b, c, H, W, 3), uint8 or floats in 0..1; depth_m the same without
        the 3, metres along the view axis, above 0; actions (T, A) or (b, T, A), as sent, -1..1:
        `actions[t]` leads from frame t to t + 1, so the first c - 1 lie between the start frames.
        `num_inference_steps` are the passes a frame, the model's own for the scenario where None;
        with one, no noise is drawn. Of a list of b generators each draws its dream's noise.
        `scenario` tells a model of several which one.

        Raises InputError where something does not fit, or the model draws a NaN.
        """
        if output_type not in _OUTPUT_TYPES:
            raise unknown("output_type", str(output_type), _OUTPUT_TYPES)
        domain = self._domain(scenario)
        steps = domain.passes if num_inference_steps is None else num_inference_steps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise InputError(f"num_inference_steps must be a whole number above 0, got {steps!r}")
        config = self.transformer.config
        size = (config.height_px, config.width_px)
        start, start_m, taken = _batch(frames, depth_m, actions, size, domain)
        if isinstance(generator, Sequence) and len(generator) != len(start):
            raise InputError(f"{len(start)} dreams need as many generators, got {len(generator)}")
        stepper = Stepper(self.transformer, steps, domain.index, self.scheduler)
        with self.progress_bar(total=taken.shape[1] - start.shape[1] + 1) as bar:
            drawn, drawn_m = dream(stepper, domain, start, start_m, taken, generator, bar.update)
        self.maybe_free_model_hooks()
        out = WorldModelPipelineOutput(*self._shaped(drawn, drawn_m, output_type))
        return out if return_dict else (out.frames, out.depth_m)

    def _domain(self, scenario: str | None) -> Domain:
        known = list(self.transformer.config.scenarios)
        if scenario is None and len(known) > 1:
            raise InputError(f"say which scenario of this model: {', '.join(known)}")
        domain: Domain = self.transformer.domain(known[0] if scenario is None else scenario)
        return domain

    def _shaped(
        self, frames: NDArray[np.uint8], depth_m: NDArray[np.float32], output_type: OutputType
    ) -> tuple[Any, Any]:
        colour = frames.astype(np.float32) / 255
        if output_type == "pil":
            return [self.numpy_to_pil(clip) for clip in colour], depth_m
        if output_type == "pt":
            channels_first = torch.from_numpy(np.moveaxis(colour, -1, -3).copy())
            return channels_first.to(self.device), torch.from_numpy(depth_m).to(self.device)
        return colour, depth_m


def _check_index(path: Path, name: str) -> None:
    """Nothing that model_index.json names is imported, so it must be what is expected."""
    try:
        index = json.loads(path.read_text())
        found = {key: value for key, value in index.items() if not key.startswith("_")}
        kind = index.get("_class_name")
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error})") from error
    if kind != name:
        raise InputError(f"{path} describes a {kind}, not a {name}")
    for key in sorted(found.keys() | _COMPONENTS.keys()):
        if key not in found:
            raise InputError(f"{path} lacks {key}")
        if found[key] != _COMPONENTS.get(key):
            raise InputError(f"{path} holds the foreign component {key}: {found[key]}")


def _scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    known = FlowMatchEulerDiscreteScheduler
    if not (folder / known.config_name).is_file():
        raise InputError(f"{folder} lacks {known.config_name}")
    try:
        return known.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # json and diffusers each raise their own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{folder} holds no readable scheduler: {reason}") from error


def _batch(
    frames: ArrayLike,
    depth_m: ArrayLike,
    actions: ArrayLike,
    size_px: tuple[int, int],
    domain: Domain,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """The three as the model takes them, with a batch dimension."""
    colour = _colour(frames)
    metres, taken = _numbers("depth_m", depth_m), _numbers("actions", actions)
    if colour.ndim == 4:
        colour, metres, taken = colour[None], metres[None], taken[None]
    batch, count, *shape = colour.shape
    if 0 in (batch, count) or shape != [*size_px, 3]:
        wanted = f"({size_px[0]}, {size_px[1]}, 3)"
        raise InputError(f"the model takes one start frame or more of {wanted}, got {colour.shape}")
    if metres.shape != colour.shape[:-1]:
        raise InputError(f"depth_m must be {colour.shape[:-1]} like the frames, got {metres.shape}")
    if (metres <= 0.0).any():
        raise InputError("depth_m must be above 0 everywhere: metres along the view axis")
    channels = domain.action_size
    if taken.ndim != 3 or (len(taken), taken.shape[2]) != (batch, channels):
        raise InputError(
            f"actions of {domain.scenario} must be ({batch}, T, {channels}), got {taken.shape}"
        )
    if taken.shape[1] < count:
        raise InputError(
            f"{count} start frames need {count - 1} actions between them and one more for every "
            f"frame to draw, got {taken.shape[1]}"
        )
    return colour, metres, taken


def _colour(frames: ArrayLike) -> NDArray[np.uint8]:
    try:
        colour = _array(frames)
    except (TypeError, ValueError) as error:
        raise InputError("frames must be an array (c, H, W, 3)") from error
    if colour.ndim not in (4, 5):
        raise InputError(f"frames must be (c, H, W, 3) or (b, c, H, W, 3), got {colour.shape}")
    if colour.dtype == np.uint8:
        return colour
    if not np.issubdtype(colour.dtype, np.floating):
        raise InputError(f"frames must be uint8 or floats in 0..1, got {colour.dtype}")
    if not ((colour >= 0) & (colour <= 1)).all():
        raise InputError("frames of floats must lie in 0..1, without a NaN")
    levels: NDArray[np.uint8] = np.rint(colour * 255).astype(np.uint8)
    return levels


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        numbers = _array(values).astype(np.float32, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers") from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{name} holds a NaN or an infinity")
    return numbers


def _array(values: ArrayLike) -> NDArray[Any]:
    return np.asarray(values.numpy(force=True) if isinstance(values, Tensor) else values)
