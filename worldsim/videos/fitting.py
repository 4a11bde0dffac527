"""A clip laid over the episode it is to show: rate, length, size and depth, and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.eval.reading.episodes import without_depth
from worldsim.render import draw_states
from worldsim.sim.scene import Scene
from worldsim.videos.footage import Footage

LARGEST_PX = 256
"""Clips higher than this are made smaller: reading takes ten times as long and finds no more."""
SHOWN_INDICES = 6


@dataclass(frozen=True)
class Fitted:
    """A clip and its reference as two episodes of one clock and size; `notes` say what was done.

    `whole` is False where frames of the reference were left out: it can not be simulated again.
    """

    clip: Episode
    reference: Episode
    notes: tuple[str, ...]
    whole: bool


def fittings(
    footage: Footage, reference: Episode, rate_hz: float | None = None
) -> Iterator[Fitted]:
    """The ways to lay a clip over a reference, the likeliest first; more than one by its aspect.

    `rate_hz` is the clip's where its file says another or none. Raises InputError where too few
    frames are left to compare.
    """
    timed = _timed(footage, reference, rate_hz)
    for size, clip, seen in _sizes(footage, timed.frames, timed.depth_m, timed.reference):
        depth_m = clip[1]
        clip_episode = replace(
            seen,
            frames=clip[0],
            depth_m=seen.depth_m if depth_m is None else depth_m,
            segmentation=None,
            states=None,
            contacts=None,
            source=footage.path.name,
        )
        notes = [*footage.notes, *timed.notes, size]
        if depth_m is None:
            clip_episode, seen = without_depth(clip_episode), without_depth(seen)
            notes.append("depth: none, mode B: along the view only sizes tell places")
        else:
            notes.append("depth: the clip's own, mode A")
        if seen.states is None:
            notes.append(
                "truth: the reference has no states, so places read off its frames stand for them"
            )
        yield Fitted(clip_episode, seen, tuple(notes), timed.whole)


@dataclass(frozen=True)
class _Timed:
    frames: NDArray[np.uint8]
    depth_m: NDArray[np.float32] | None
    reference: Episode
    notes: tuple[str, ...]
    whole: bool


def _timed(footage: Footage, reference: Episode, rate_hz: float | None) -> _Timed:
    """The clip's frames nearest in time to the reference's, as far as both go."""
    own_hz = reference.scene.frame_rate_hz
    given = rate_hz or footage.rate_hz
    rate = float(own_hz) if given is None else float(given)
    stride = round(own_hz / rate) if rate < own_hz else 1
    exact = stride > 1 and abs(own_hz / rate - stride) < 1e-3 and own_hz % stride == 0
    thinned = every(reference, stride) if exact else reference
    hz = own_hz // stride if exact else own_hz
    count = len(footage.frames)
    at = np.rint(np.arange(thinned.steps + 1) * (rate / hz)).astype(int)
    at = at[at < count]
    if len(at) < 2:
        raise InputError(
            f"{footage.path}: its {count} frames at {rate:g} Hz last less than one step of the "
            f"reference ({1 / hz:g} s); give a longer clip, or its true rate with --video-rate-hz"
        )
    steps = len(at) - 1
    off_s = float(np.abs(at / rate - np.arange(len(at)) / hz).max())
    whose = "as told" if rate_hz else "its file's" if footage.rate_hz else "assumed: none is told"
    notes = [
        f"rate: clip {rate:g} Hz ({whose}), reference {own_hz} Hz"
        + (f", of which every {stride}th frame counts" if exact else ""),
        f"frames: {_listed(at)} of the clip's {count} for 0..{steps} of the reference's "
        f"{thinned.steps}" + (f", up to {1e3 * off_s:.0f} ms off" if off_s > 1e-6 else ""),
    ]
    depth_m = None if footage.depth_m is None else footage.depth_m[at]
    return _Timed(footage.frames[at], depth_m, thinned.part(0, steps), tuple(notes), not exact)


def _listed(at: NDArray[np.int64]) -> str:
    if len(at) > 2 and len(set(np.diff(at))) == 1:
        return f"{at[0]}, {at[1]} .. {at[-1]}"
    shown = ", ".join(str(index) for index in at[:SHOWN_INDICES])
    return shown if len(at) <= SHOWN_INDICES else f"{shown} .. {at[-1]}"


def every(episode: Episode, stride: int) -> Episode:
    """Every `stride`-th frame of an episode, at so much lower a rate; actions no longer lead on."""
    last = episode.steps // stride * stride
    kept = slice(0, last + 1, stride)
    if last < stride:
        raise InputError(f"an episode of {episode.steps} steps has no {stride}th frame")

    def thin(value: Any, frames: slice) -> Any:
        if isinstance(value, BodyStates | Contacts):
            return type(value)(*(getattr(value, f.name)[frames] for f in fields(value)))
        return None if value is None else value[frames]

    acted = slice(0, last, stride)
    by_step = ("actions", "rewards", "terminated", "truncated")
    values = {
        field.name: thin(getattr(episode, field.name), acted if field.name in by_step else kept)
        for field in fields(Episode)
        if field.name not in ("scene", "source")
    }
    scene = replace(episode.scene, frame_rate_hz=episode.scene.frame_rate_hz // stride)
    return replace(episode, scene=scene, **values)


Clip = tuple[NDArray[np.uint8], NDArray[np.float32] | None]


def _sizes(
    footage: Footage,
    frames: NDArray[np.uint8],
    depth_m: NDArray[np.float32] | None,
    reference: Episode,
) -> Iterator[tuple[str, Clip, Episode]]:
    """What was done to the size, the clip, the reference: at the clip's size where it is drawn."""
    camera = reference.scene.camera
    wanted = (camera.width_px, camera.height_px)
    width, height = footage.size_px
    told = f"size: clip {width} x {height} px, reference {wanted[0]} x {wanted[1]}"
    if (width, height) == wanted:
        yield f"size: {width} x {height} px, as the reference", (frames, depth_m), reference
        return
    drawn = reference.states is not None and reference.scene.look.renderer == "worldsim"
    if not drawn:
        why = "it has no states to be drawn from" if reference.states is None else "TinyRenderer's"
        done = f"{told} ({why}): clip resized by area to {wanted[0]} x {wanted[1]}"
        yield done, _resized(frames, depth_m, wanted), reference
        return
    scale = min(1.0, LARGEST_PX / height)
    own = (max(16, round(width * scale)), max(16, round(height * scale)))
    as_tall = (max(16, round(own[1] * wanted[0] / wanted[1])), own[1])
    for size, how in ((own, "seen as wide as the clip"), (as_tall, "the clip squeezed to it")):
        clip = (frames, depth_m) if size == (width, height) else _resized(frames, depth_m, size)
        change = "as it is" if size == (width, height) else "resized by area"
        aspect = "" if own == as_tall else f", {how}"
        note = f"{told}: clip {change}, reference drawn anew at {size[0]} x {size[1]}{aspect}"
        yield note, clip, _redrawn(reference, reference.scene, size)
        if own == as_tall:
            return


def _resized(
    frames: NDArray[np.uint8], depth_m: NDArray[np.float32] | None, size: tuple[int, int]
) -> Clip:
    # Depth is not mixed across an edge: what stands between two bodies is neither.
    images = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames])
    if depth_m is None:
        return images.astype(np.uint8, copy=False), None
    depth = [cv2.resize(d, size, interpolation=cv2.INTER_NEAREST) for d in depth_m]
    return images.astype(np.uint8, copy=False), np.stack(depth).astype(np.float32, copy=False)


def _redrawn(reference: Episode, scene: Scene, size: tuple[int, int]) -> Episode:
    assert reference.states is not None
    seen = replace(scene, camera=scene.camera.resized(*size))
    frames, depth_m, segmentation = draw_states(seen, reference.states)
    return replace(reference, scene=seen, frames=frames, depth_m=depth_m, segmentation=segmentation)
