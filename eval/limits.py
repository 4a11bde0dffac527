"""What a Push model must reach, as numbers of a report: `worldsim evaluate --limits NAME`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldsim.errors import unknown

from .score import BodyScores, Check, Report

SHUFFLE_STEP = 8


@dataclass(frozen=True)
class Limits:
    """Upper limits, unless said otherwise; dicts are keyed by step."""

    one_step_ratio: float
    pusher_diameters: dict[int, float]
    moved_ratio_at_16: float
    lost_any: dict[int, float]
    shuffle_ratio: float = 0.0  # at least
    valid_horizon_steps: float = 0.0  # at least
    psnr_lead_db: float = 0.0  # at least, over frozen frame and mean frame


PUSHER_PX = 8.7
"""Diameter of Push's pusher at 64 px: 2 and 3 px are the spike's limits for a trained tiny."""

LEVELS = {
    "smoke": Limits(0.95, {}, np.inf, {}, shuffle_ratio=1.3, psnr_lead_db=-np.inf),
    "tiny": Limits(
        one_step_ratio=0.6,
        pusher_diameters={16: 2.0 / PUSHER_PX, 48: 3.0 / PUSHER_PX},
        moved_ratio_at_16=0.5,
        lost_any={16: 0.20, 48: 0.25},
        shuffle_ratio=5.0,
    ),
    "shipped": Limits(
        one_step_ratio=0.3,
        pusher_diameters={48: 1.0 / 3.0},
        moved_ratio_at_16=0.3,
        lost_any={16: 0.06, 48: 0.10},
        shuffle_ratio=5.0,
        valid_horizon_steps=20,
    ),
}


def check_limits(report: Report, level: str) -> tuple[Check, ...]:
    """The report's numbers against the limits of a level; InputError on an unknown level."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    limits, model = LEVELS[level], report.rows["model"]
    ratio = np.nan if model.one_step_ratio is None else model.one_step_ratio.value
    found = [_most("one-step squared error over frozen frame", ratio, limits.one_step_ratio)]
    pusher, diameter_m = model.bodies["pusher"], report.diameter_m["pusher"]
    for step, limit in limits.pusher_diameters.items():
        value = _at(pusher, "position", step) / diameter_m
        found.append(_most(f"pusher error at {step} steps, diameters (median)", value, limit))
    if np.isfinite(limits.moved_ratio_at_16):
        for body in ("sphere", "box"):
            value = _at(model.bodies[body], "moved_ratio", 16)
            name = f"moved {body}, error over no motion at 16 steps (medians)"
            found.append(_most(name, value, limits.moved_ratio_at_16))
    for step, limit in limits.lost_any.items():
        shares = () if model.all_found is None else model.all_found.per_step
        value = 1.0 - shares[step - 1] if len(shares) >= step else np.nan
        found.append(_most(f"episodes with any body lost at {step} steps", value, limit))
    return (*found, *_least_checks(report, limits))


def _least_checks(report: Report, limits: Limits) -> list[Check]:
    model, found = report.rows["model"], []
    if limits.shuffle_ratio and "shuffled actions" in report.rows:
        other = _at(report.rows["shuffled actions"].bodies["pusher"], "position", SHUFFLE_STEP)
        value = other / _at(model.bodies["pusher"], "position", SHUFFLE_STEP)
        name = f"pusher error with shuffled over true actions at {SHUFFLE_STEP} steps"
        found.append(_least(name, value, limits.shuffle_ratio))
    if limits.valid_horizon_steps:
        value = np.nan if model.valid_horizon is None else model.valid_horizon.value
        found.append(_least("median valid horizon, steps", value, limits.valid_horizon_steps))
    if np.isfinite(limits.psnr_lead_db):
        for name in ("frozen frame", "mean frame"):
            if name in report.rows:
                leads = [model.psnr[h].value - report.rows[name].psnr[h].value for h in model.psnr]
                lead = min(leads) if leads else np.nan
                found.append(_least(f"PSNR above {name}, least lead in dB", lead, 0.0))
    return found


def _at(scores: BodyScores, name: str, step: int) -> float:
    by_step = getattr(scores, name)
    return float(by_step[step].value) if step in by_step else float("nan")


def _most(name: str, value: float, limit: float) -> Check:
    return Check(name, value, f"<= {limit:.3g}", None if np.isnan(value) else value <= limit)


def _least(name: str, value: float, limit: float) -> Check:
    return Check(name, value, f">= {limit:.3g}", None if np.isnan(value) else value >= limit)
