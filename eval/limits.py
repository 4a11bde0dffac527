"""What a model must reach, as numbers of a report: `worldsim evaluate --limits NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from worldsim.errors import unknown

from .score import BodyScores, Outcome, Row, Score

NAN = float("nan")
SHUFFLE_STEP = 8
MOVED_STEP = 16


@dataclass(frozen=True)
class Limits:
    """Upper limits, unless said otherwise; dicts are keyed by step.

    `actuated` is the first body that moves, the one the actions drive. Pixel errors and the
    errors of moved bodies are means over the bodies that were found, to be read beside the lost
    ones; the actuated body's error in diameters and the valid horizon are medians.
    """

    one_step_ratio: float = 1.0
    actuated_px: Mapping[int, float] = field(default_factory=dict)
    actuated_diameters: Mapping[int, float] = field(default_factory=dict)
    moved_ratio: float = 1.0
    lost_any: Mapping[int, float] = field(default_factory=dict)
    shuffle_ratio: float = 5.0  # at least
    valid_horizon_steps: float = 0.0  # at least
    psnr_lead_db: float = 0.0  # at least, at every horizon
    motion_gate: float = 0.0  # at least
    episodes: int = 1  # at least


LEVELS: dict[str, Limits] = {
    "sane": Limits(motion_gate=0.9),
    "smoke": Limits(
        one_step_ratio=0.95, moved_ratio=np.inf, shuffle_ratio=1.3, psnr_lead_db=-np.inf
    ),
    "tiny": Limits(
        one_step_ratio=0.6,
        actuated_px={16: 2.0, 48: 3.0},
        moved_ratio=0.5,
        lost_any={16: 0.20, 48: 0.25},
        episodes=40,
    ),
    "shipped": Limits(
        one_step_ratio=0.3,
        actuated_diameters={48: 1.0 / 3.0},
        moved_ratio=0.3,
        lost_any={16: 0.06, 48: 0.10},
        valid_horizon_steps=20,
        episodes=40,
    ),
}


def check_limits(
    rows: Mapping[str, Row], diameter_m: Mapping[str, float], episodes: int, level: str = "sane"
) -> tuple[Outcome, ...]:
    """A report's rows against the limits of a level; what is not in the report never passes.

    Raises InputError on an unknown level.
    """
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    limits, model = LEVELS[level], rows["model"]
    actuated = next(iter(model.bodies))
    name = "one-step squared error over frozen frame"
    found = [_most(name, model.one_step_ratio, limits.one_step_ratio)]
    for step, limit in limits.actuated_px.items():
        score = model.bodies[actuated].image_px.get(step)
        found.append(_most(f"{actuated} error at {step} steps, px (mean)", score, limit))
    for step, limit in limits.actuated_diameters.items():
        value = _value(model.bodies[actuated].position.get(step)) / diameter_m[actuated]
        found.append(_most(f"{actuated} error at {step} steps, diameters (median)", value, limit))
    if np.isfinite(limits.moved_ratio):
        found += [_moved(body, scores, limits) for body, scores in model.bodies.items()]
    for step, limit in limits.lost_any.items():
        shares = () if model.all_found is None else model.all_found.per_step
        value = 1.0 - shares[step - 1] if len(shares) >= step else NAN
        found.append(_most(f"episodes with any body lost at {step} steps", value, limit))
    found += _baselines(rows, actuated, limits)
    if limits.valid_horizon_steps:
        score = model.valid_horizon
        found.append(_least("median valid horizon, steps", score, limits.valid_horizon_steps))
    if limits.motion_gate:
        gates = [_value(scores.motion) for scores in model.bodies.values()]
        gate = float(np.nanmean(gates)) if not np.isnan(gates).all() else NAN
        found.append(_least("share of moved bodies in the motion gate", gate, limits.motion_gate))
    if limits.episodes > 1:
        found.append(_least("episodes", float(episodes), limits.episodes))
    return tuple(found)


def _baselines(rows: Mapping[str, Row], actuated: str, limits: Limits) -> list[Outcome]:
    model = rows["model"]
    other = rows["shuffled actions"].bodies[actuated] if "shuffled actions" in rows else None
    step = _nearest(model.bodies[actuated], SHUFFLE_STEP)
    true = _value(model.bodies[actuated].position.get(step))
    value = NAN if other is None or not true > 0.0 else _value(other.position.get(step)) / true
    name = f"{actuated} error with shuffled over true actions at {step} steps"
    found = [_least(name, value, limits.shuffle_ratio)]
    if np.isfinite(limits.psnr_lead_db):
        for name in ("frozen frame", "mean frame"):
            leads = [NAN]
            if name in rows and model.psnr:
                leads = [model.psnr[h].value - rows[name].psnr[h].value for h in model.psnr]
            least = float(np.min(leads))
            found.append(_least(f"PSNR above {name}, least lead in dB", least, limits.psnr_lead_db))
    return found


def _moved(body: str, scores: BodyScores, limits: Limits) -> Outcome:
    step = _nearest(scores, MOVED_STEP)
    score = scores.moved_found.get(step)
    n = 0 if score is None else score.n
    name = f"moved {body}, error over no motion at {step} steps ({n} episodes, means)"
    return _most(name, score, limits.moved_ratio)


def _nearest(scores: BodyScores, step: int) -> int:
    return min(scores.position, key=lambda horizon: abs(horizon - step))


def _value(score: Score | float | None) -> float:
    if score is None:
        return NAN
    return score.value if isinstance(score, Score) else score


def _most(name: str, score: Score | float | None, limit: float) -> Outcome:
    value = _value(score)
    return Outcome(name, value, f"<= {limit:.3g}", None if np.isnan(value) else value <= limit)


def _least(name: str, score: Score | float | None, limit: float) -> Outcome:
    value = _value(score)
    return Outcome(name, value, f">= {limit:.3g}", None if np.isnan(value) else value >= limit)
