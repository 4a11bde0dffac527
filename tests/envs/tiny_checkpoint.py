"""A checkpoint of random weights with two start episodes, quick to make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from worldsim.agents.collect import Collector
from worldsim.data.store import save_episode
from worldsim.episode import Episode
from worldsim.frames import to_model
from worldsim.models.dit import WorldModel

DEPTH_RANGE_M = (1.6, 2.3)


def write_checkpoint(folder: Path) -> list[Episode]:
    """Write it to `folder`; its start episodes. Its dreams react to actions, and drift."""
    episodes = [Collector(seed=77, steps=12)(index) for index in range(2)]
    torch.manual_seed(0)
    model = WorldModel(
        width=16, heads=2, layers=4, registers=1, window=8, depth_range_m=(DEPTH_RANGE_M,)
    )
    with torch.no_grad():
        for weights in (model.head.weight, model.final.weight, model.modulation.weight):
            weights.normal_(std=0.05)
        values = to_model(episodes[0].frames, episodes[0].depth_m, DEPTH_RANGE_M)
        model.mean_image.copy_(torch.from_numpy(values.mean(0, keepdims=True)))
    model.save_pretrained(folder)
    (folder / "starts").mkdir()
    for index, episode in enumerate(episodes):
        save_episode(folder / "starts" / f"{index:03d}.safetensors", episode)
    assert not np.array_equal(episodes[0].frames[0], episodes[1].frames[0])
    return episodes
