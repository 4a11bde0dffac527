"""Limits a report is held to, each printed with its number; the house's, not the field's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .score import Check, Row

SHUFFLE_STEP = 8
SHUFFLE_RATIO = 5.0


def checks(rows: Mapping[str, Row]) -> tuple[Check, ...]:
    """Motion gate, frozen frame, mean frame and shuffled actions against the model's row."""
    model = rows["model"]
    gate = _mean([scores.motion.value for scores in model.bodies.values()])
    found = [
        _check("motion gate, share of moved bodies that pass", gate, ">= 0.9", gate >= 0.9),
        _one_step(model),
    ]
    for name in ("frozen frame", "mean frame"):
        if name in rows:
            found.append(_psnr(model, rows[name]))
    found += _moved(model)
    if "nearest training clip" in rows:
        found += _nearer(model, rows["nearest training clip"])
    if "shuffled actions" in rows:
        found.append(_shuffle(model, rows["shuffled actions"]))
    return tuple(found)


def _check(name: str, value: float, limit: str, passed: bool) -> Check:
    return Check(name, value, limit, None if np.isnan(value) else passed)


def _mean(values: list[float]) -> float:
    measured = [value for value in values if not np.isnan(value)]
    return float(np.mean(measured)) if measured else float("nan")


def _one_step(model: Row) -> Check:
    score = model.one_step_ratio
    value = float("nan") if score is None else score.value
    return _check("one-step squared error over frozen frame", value, "< 1", value < 1.0)


def _psnr(model: Row, baseline: Row) -> Check:
    """Least lead in PSNR over the horizons."""
    leads = [model.psnr[step].value - baseline.psnr[step].value for step in model.psnr]
    lead = min(leads) if leads else float("nan")
    return _check(f"PSNR above {baseline.name}, least lead in dB", lead, "> 0", lead > 0.0)


def _moved(model: Row) -> list[Check]:
    """Error over that of leaving the body where it was, in the episodes in which it moved."""
    found = []
    for body, scores in model.bodies.items():
        steps = sorted(scores.moved_ratio)
        step = steps[len(steps) // 2]
        value = scores.moved_ratio[step].value
        name = f"moved {body}, error over no motion at {step} steps"
        found.append(_check(name, value, "< 1", value < 1.0))
    return found


def _nearer(model: Row, baseline: Row) -> list[Check]:
    """Each body's error over the baseline's, at the middle horizon."""
    found = []
    for body, scores in model.bodies.items():
        steps = sorted(scores.position)
        step = steps[len(steps) // 2]
        other = baseline.bodies[body].position[step].value
        value = scores.position[step].value / other if other > 0.0 else float("nan")
        name = f"{body} error over {baseline.name} at {step} steps"
        found.append(_check(name, value, "< 1", value < 1.0))
    return found


def _shuffle(model: Row, shuffled: Row) -> Check:
    """Error of the actuated body (the first that moves) with other actions over true ones."""
    body = next(iter(model.bodies))
    steps = sorted(model.bodies[body].position)
    step = min(steps, key=lambda s: abs(s - SHUFFLE_STEP))
    true = model.bodies[body].position[step].value
    other = shuffled.bodies[body].position[step].value
    value = other / true if true > 0.0 else float("nan")
    name = f"{body} error with shuffled over true actions at {step} steps"
    return _check(name, value, f">= {SHUFFLE_RATIO:g}", value >= SHUFFLE_RATIO)
