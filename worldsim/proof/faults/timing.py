"""Faults of time and of what acts: recorded states shown in another order, other actions taken."""

from __future__ import annotations

import numpy as np

from worldsim.proof.faults.fault import Cue, Run


def reversal(run: Run, cue: Cue, frames: float) -> None:
    """Run backwards for so many frames, then forwards again from there."""
    back = min(int(frames), cue.onset)
    run.show_in_order(lambda k: -k if k <= back else k - 2 * back)


def freeze(run: Run, cue: Cue, frames: float) -> None:
    """Stand still for so many frames, then go on."""
    run.show_in_order(lambda k: max(0, k - int(frames)))


def ignored(run: Run, cue: Cue, share: float) -> None:
    """Take this share away from every action."""
    run.actions[cue.onset :] *= np.float32(1.0 - share)


def swapped(run: Run, cue: Cue, share: float) -> None:
    """Mix in, at this share, the actions of half a clip before."""
    others = np.roll(run.actions, len(run.actions) // 2, axis=0)[cue.onset :]
    mixed = (1.0 - share) * run.actions[cue.onset :] + share * others
    run.actions[cue.onset :] = mixed.astype(np.float32)


def delayed(run: Run, cue: Cue, steps: float) -> None:
    """Take every action so many steps late; those of the clip's first steps are held meanwhile."""
    late = np.maximum(np.arange(cue.onset, len(run.actions)) - int(steps), 0)
    run.actions[cue.onset :] = run.actions[late]
