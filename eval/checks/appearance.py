"""Rigidity and appearance: size, shape and colour against the body drawn anew where it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .measure import INF, NAN, Measure
from .series import running_median
from .still import gain

if TYPE_CHECKING:
    from worldsim.eval.evidence import Evidence

Float = NDArray[np.float64]

FIRST_FRAMES = 3
"""Colours are compared with their median over so many first frames of the same clip."""


def appearance(evidence: Evidence) -> tuple[Measure, ...]:
    """Check 9 of physics-eval: a body keeps its size, its shape and its colour.

    Each is read against the body drawn at the pose read, so that legal shading does not count, and
    against the same of the reference, so that what the reading cannot tell does not either. The
    values are medians over body-frames, one that is not found counting as infinity; the alarm is
    the largest change of a body that lasts (running median of five frames). Size is also read
    against the clip's own first frames: blur makes bodies larger, but all of a clip alike.
    """
    moving = evidence.truth.indices
    reading, floor = evidence.reading, evidence.floor
    size, drift, shape, colour = "size change", "size drift", "shape change", "colour change"
    if not evidence.pictured:
        return tuple(_absent(name) for name in (size, drift, shape, colour))
    scale = np.log(_positive(reading.scale[:, moving]))
    true_scale = np.log(_positive(floor.scale[:, moving]))
    own, true_own = _since_first(scale, evidence), _since_first(true_scale, evidence)
    overlap, true_overlap = reading.overlap[:, moving], floor.overlap[:, moving]
    made, true = _tint(evidence, generated=True), _tint(evidence, generated=False)
    # Without the reference's tint in a frame, none is taken off.
    apart = np.abs(made - np.nan_to_num(true)).max(-1)
    known = np.isfinite(true.sum(-1))
    return (
        _measure(evidence, size, "log ratio", scale, scale - true_scale, np.isfinite(true_scale)),
        _measure(evidence, drift, "log ratio", own, own - true_own, np.isfinite(true_own)),
        _measure(
            evidence,
            shape,
            "1 - overlap",
            1.0 - overlap,
            np.where(np.isnan(overlap), np.nan, np.maximum(true_overlap - overlap, 0.0)),
            np.isfinite(true_overlap),
        ),
        _measure(evidence, colour, "log ratio", np.abs(made).max(-1), apart, known),
    )


def _measure(
    evidence: Evidence, name: str, unit: str, value: Float, change: Float, known: NDArray[np.bool_]
) -> Measure:
    """One quantity from its values (S+1, M) and changes against the reference's, NaN: not read.

    `known` (S+1, M) are the frames in which the reference's could be read.
    """
    expected = (known & evidence.truth.visible)[1:]
    if not expected.any():
        return _absent(name, unit)
    measured = expected & np.isfinite(change[1:])
    shown = np.where(measured, np.abs(value[1:]), np.inf)[expected]
    alarm = 0.0
    for body in np.flatnonzero(expected.any(0)):
        lasting = running_median(np.where(measured[:, body], change[1:, body], np.nan))
        if len(lasting):
            alarm = max(alarm, float(np.abs(lasting).max()))
        elif not _mixed(evidence, int(body)):
            alarm = INF
    share = float(measured.sum() / expected.sum())
    return Measure(name, float(np.median(shown)), unit, alarm, share)


def _mixed(evidence: Evidence, body: int) -> bool:
    """Whether a body is found, but only where all its pixels mix with what is beside it."""
    overlap = evidence.reading.overlap[1:, evidence.truth.indices[body]]
    found = evidence.found[1:, body]
    return bool(found.any() and not np.isfinite(overlap[found]).any())


def _tint(evidence: Evidence, generated: bool) -> Float:
    """Logarithm of the bodies' colours (S+1, M, 3) over those of the clip's own first frames.

    What the whole picture does (exposure, white balance) is taken off.
    """
    reading = evidence.reading if generated else evidence.floor
    ratio = np.log(_positive(reading.color_ratio[:, evidence.truth.indices]))
    ratio -= gain(evidence.generated if generated else evidence.reference, evidence)[:, None]
    for body in range(ratio.shape[1]):
        frames = np.flatnonzero(np.isfinite(ratio[:, body]).all(-1))[:FIRST_FRAMES]
        own = np.median(ratio[frames, body], axis=0) if len(frames) else np.full(3, np.nan)
        ratio[:, body] -= own
    return ratio


def _since_first(scale: Float, evidence: Evidence) -> Float:
    """Growth (S+1, M) since the first frames after the start, of logarithms of scales.

    Blur adds the same number of pixels to a body's radius wherever it is, so growth is counted in
    pixels first.
    """
    truth = evidence.truth
    away_m = np.linalg.norm(truth.position_m - truth.views[:, None, :3, 3], axis=-1)
    radius_px = 0.5 * truth.diameter_m * evidence.scene.camera.focal_px / away_m
    more_px = (np.exp(scale) - 1.0) * radius_px
    growth = np.full_like(scale, np.nan)
    for body in range(scale.shape[1]):
        frames = 1 + np.flatnonzero(np.isfinite(more_px[1:, body]))
        if len(frames) > FIRST_FRAMES:
            own_px = np.median(more_px[frames[:FIRST_FRAMES], body])
            growth[frames, body] = (more_px[frames, body] - own_px) / radius_px[frames, body]
    return growth


def _positive(values: Float) -> Float:
    return np.where(values > 0.0, values, np.nan)


def _absent(name: str, unit: str = "log ratio") -> Measure:
    return Measure(name, NAN, unit, NAN, NAN)
