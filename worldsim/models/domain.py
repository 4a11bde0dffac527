"""Scenarios as a model knows them: their actions, their depth range, their rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ACTION_CHANNELS = 8
"""As many as any scenario's actions may have; a model takes fewer as they are."""


@dataclass(frozen=True)
class Domain:
    """What a model knows of one of its scenarios; `index` is what `WorldModel.forward` takes.

    `passes` a frame are those that draw it best.
    """

    index: int
    scenario: str
    frame_rate_hz: int
    action_size: int
    depth_range_m: tuple[float, float]
    passes: int


def check_domains(
    scenarios: Sequence[str],
    frame_rate_hz: Sequence[int],
    depth_range_m: Sequence[Sequence[float]],
    action_mean: Sequence[Sequence[float]],
    action_std: Sequence[Sequence[float]],
    passes: Sequence[int],
) -> None:
    """Raises ValueError where these do not tell the same of every scenario."""
    known = (scenarios, frame_rate_hz, depth_range_m, action_mean, action_std)
    if not scenarios or len({len(each) for each in known}) > 1:
        raise ValueError("every scenario needs a frame rate, a depth range and action statistics")
    whole = all(isinstance(count, int) and count >= 1 for count in passes)
    if passes and (len(passes) != len(scenarios) or not whole):
        raise ValueError(f"passes must be 1 or more for every scenario, or none, got {passes}")
    for range_m in depth_range_m:
        if len(range_m) != 2 or not 0.0 <= range_m[0] < range_m[1]:
            raise ValueError(f"depth_range_m must be (near, far) in metres, got {range_m}")
    for mean, std in zip(action_mean, action_std, strict=True):
        if not 1 <= len(mean) == len(std) <= ACTION_CHANNELS:
            raise ValueError(
                f"actions have 1 to {ACTION_CHANNELS} channels with a mean and a deviation each, "
                f"got {len(mean)} and {len(std)}"
            )


def action_tables(
    action_mean: Sequence[Sequence[float]], action_std: Sequence[Sequence[float]]
) -> tuple[Tensor, Tensor]:
    """Means and one over the deviations, (S, ACTION_CHANNELS); 0 masks a channel that is not."""
    mean = torch.zeros(len(action_mean), ACTION_CHANNELS)
    scale = torch.zeros_like(mean)
    for row, (means, stds) in enumerate(zip(action_mean, action_std, strict=True)):
        mean[row, : len(means)] = torch.tensor(means)
        scale[row, : len(stds)] = 1.0 / torch.tensor(stds)
    return mean, scale
