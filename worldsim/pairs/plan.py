"""Plan: the starts of an examination of actions, and the actions that follow on each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldsim.data.dataset import Dataset
from worldsim.episode import Episode
from worldsim.errors import InputError

Actions = NDArray[np.float32]

ONSET = 4
"""Steps after the start frames at which actions part."""
DOSES = 5
ONE, OTHER, NULL = "one", "other", "null"
DOSED = tuple(f"dose {k}" for k in range(1, DOSES + 1))


@dataclass(frozen=True)
class Plan:
    """What is examined; `model` is the folder of a checkpoint, `data` that of a recording."""

    model: Path
    data: Path
    starts: int
    draws: int
    start_frames: int
    horizon: int
    passes: int | None  # a frame; the model's own for the scenario where None
    seed: int

    @property
    def steps(self) -> int:
        """Steps of an episode, those between its start frames included."""
        return self.start_frames - 1 + self.horizon

    def episodes(self) -> tuple[int, ...]:
        """Numbers of the episodes that are long enough. Raises InputError where too few are."""
        dataset = Dataset(self.data)
        dataset.check_finished()
        long = tuple(entry.index for entry in dataset.entries if entry.steps >= self.steps)
        if len(long) < self.starts:
            raise InputError(
                f"{self.data} holds {len(long)} episodes of {self.steps} steps, one for each "
                f"start; ask for --starts {len(long)}, lower --horizon, or record more"
                if long
                else f"{self.data} holds no episode of {self.steps} steps; lower --horizon"
            )
        return long

    def settings(self) -> dict[str, int | str]:
        """What decides on the figures, for a report."""
        counts = ("starts", "draws", "start_frames", "horizon", "passes", "seed")
        return {
            "model": self.model.name,
            "data": Dataset(self.data).digest,
            "onset": ONSET,
            **{name: int(getattr(self, name)) for name in counts},
        }


def actions_of(plan: Plan, number: int) -> tuple[Episode, dict[str, Actions]]:
    """The recorded episode of a start, and the actions (T, A) of every clip, by label.

    `one` are the recorded actions, `other` those of the next episode from the onset on (the
    opposite where there is but one episode); the doses add to `one` k fifths of a change that is
    drawn once, clipped to [-1, 1]; `null` is no action at all.
    """
    episodes, dataset = plan.episodes(), Dataset(plan.data)
    recorded = dataset[episodes[number]].part(0, plan.steps)
    own, onset = recorded.actions, plan.start_frames - 1 + ONSET
    another = dataset[episodes[(number + 1) % len(episodes)]].actions[: plan.steps]
    foreign = another if len(episodes) > 1 else -own
    rng = np.random.default_rng([plan.seed, number])
    change = rng.uniform(-1.0, 1.0, own.shape[1])
    change /= np.abs(change).max()
    labels = {ONE: own, OTHER: np.concatenate([own[:onset], foreign[onset:]])}
    for k, label in enumerate(DOSED, start=1):
        dosed = np.clip(own[onset:] + k / DOSES * change, -1.0, 1.0).astype(np.float32)
        labels[label] = np.concatenate([own[:onset], dosed])
    labels[NULL] = np.zeros_like(own)
    return recorded, labels
