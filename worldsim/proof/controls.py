"""Controls: clips that differ from the truth in looks, or lawfully; a check must let them pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from worldsim.episode import Episode
from worldsim.errors import unknown
from worldsim.proof.clips.film import film, shots_of
from worldsim.proof.clips.truths import SCENARIOS
from worldsim.sim.scene import Light, Scene
from worldsim.sim.simulator import Simulator

Rng = np.random.Generator
Frames = NDArray[np.uint8]
Change = Callable[[Episode, float, Rng, Simulator], Episode]
ALL = tuple(name for name in SCENARIOS if name != "arm")


@dataclass(frozen=True)
class Control:
    """A change that breaks no law, at five strengths in `unit`.

    `change(truth, strength, rng, simulator)` gives the clip that is judged; the evaluator keeps the
    truth's scene and is not told.
    """

    name: str
    says: str
    unit: str
    magnitudes: tuple[float, float, float, float, float]
    change: Change
    scenarios: tuple[str, ...] = ALL


def hue(truth: Episode, degrees: float, rng: Rng, simulator: Simulator) -> Episode:
    """Turn every hue by so much, one way or the other."""
    turn = degrees * (1 if rng.random() < 0.5 else -1)
    frames = []
    for frame in truth.frames:
        hsv = cv2.cvtColor(frame.astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + turn) % 360.0
        frames.append(np.rint(255.0 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).astype(np.uint8))
    return _judged(truth, np.stack(frames))


def light(truth: Episode, share: float, rng: Rng, simulator: Simulator) -> Episode:
    """Draw the clip again with its light so far of the way to another one."""
    scene = truth.scene
    angle, old = rng.uniform(0.0, 2.0 * np.pi), np.array(scene.light.direction)
    new = np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle), 1.0])
    x, y, z = ((1.0 - share) * old / np.linalg.norm(old) + share * new).tolist()
    gain = 1.0 + share * float(rng.uniform(-0.2, 0.2))
    other = Light((x, y, z), gain * scene.light.ambient, gain * scene.light.diffuse)
    look = replace(scene.look, sun_direction=None)
    return _drawn(truth, replace(scene, light=other, look=look))


def exposure(truth: Episode, levels: float, rng: Rng, simulator: Simulator) -> Episode:
    """A gain of as many percent as there are levels of noise, the noise new in every frame."""
    gain = 1.0 + 0.01 * levels * (1 if rng.random() < 0.5 else -1)
    noise = rng.normal(0.0, levels, truth.frames.shape)
    return _judged(truth, _bytes(gain * truth.frames + noise))


def codec(truth: Episode, quality: float, rng: Rng, simulator: Simulator) -> Episode:
    """Write the frames as a film of that JPEG quality and read them back."""
    return _judged(truth, through_codec(truth.frames, int(quality)))


def other_seed(truth: Episode, strength: float, rng: Rng, simulator: Simulator) -> Episode:
    """A lawful clip as it is: only its seed is another."""
    return _judged(truth, truth.frames)


def restart(truth: Episode, millimetres: float, rng: Rng, simulator: Simulator) -> Episode:
    """Simulate again from places that differ by what a reading errs: as lawful, and chaotic."""
    simulator.reset(truth.scene)
    hands = simulator.edit()
    for body in truth.scene.bodies:
        if hands.loose(body.name):
            hands.shift(body.name, (*rng.normal(0.0, 1e-3 * millimetres, 2), 0.0))
    state = simulator.state()
    rows = [state]
    for action in truth.actions:
        simulator.step(action)
        rows.append(simulator.state())
    if truth.states is None:
        raise ValueError("a clip is simulated again from its states")
    names = [name for name in vars(truth.states)]
    states = type(truth.states)(*(np.stack([row[name] for row in rows]) for name in names))
    # The start frame is given: both clips share it.
    shots = [*shots_of(truth.scene, truth.states)[:1], *shots_of(truth.scene, states)[1:]]
    return film(truth, shots, "control")


def render_path(truth: Episode, samples: float, rng: Rng, simulator: Simulator) -> Episode:
    """Draw the clip by the renderer's other ways: soft shadows, other anti-aliasing."""
    look = replace(truth.scene.look, samples=int(samples), shadows="soft")
    return _drawn(truth, replace(truth.scene, look=look))


def degraded(truth: Episode, rng: Rng) -> Episode:
    """As a good model's frames are (F2): blurred, noisy, through a codec, depth with 3 mm noise."""
    frames = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6) for frame in truth.frames])
    noisy = _bytes(frames + rng.normal(0.0, 3.0, frames.shape))
    depth_m = np.stack([cv2.GaussianBlur(depth, (0, 0), 0.6) for depth in truth.depth_m])
    depth_m += rng.normal(0.0, 0.003, depth_m.shape).astype(np.float32)
    frames, depth_m = through_codec(noisy, 90), depth_m.astype(np.float32)
    frames[0], depth_m[0] = truth.frames[0], truth.depth_m[0]  # the start frame is given
    return replace(_judged(truth, frames), depth_m=depth_m)


def through_codec(frames: Frames, quality: int) -> Frames:
    """Frames (T, H, W, 3) written as Motion JPEG of that quality, 1 to 100, and read back.

    Raises RuntimeError where OpenCV can write no such film.
    """
    height, width = frames.shape[1:3]
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "clip.avi")
        # OpenCV's own writer: the one of ffmpeg, which it takes otherwise, has no quality.
        code, size = cv2.VideoWriter.fourcc(*"MJPG"), (width, height)
        writer = cv2.VideoWriter(path, cv2.CAP_OPENCV_MJPEG, code, 10.0, size)
        writer.set(cv2.VIDEOWRITER_PROP_QUALITY, quality)
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()
        reader = cv2.VideoCapture(path, cv2.CAP_OPENCV_MJPEG)
        read = [reader.read()[1] for _ in frames]
        reader.release()
    if any(frame is None for frame in read):
        raise RuntimeError("OpenCV wrote a film that it cannot read")
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in read]).astype(np.uint8)


def _drawn(truth: Episode, scene: Scene) -> Episode:
    if truth.states is None:
        raise ValueError("a clip is drawn again from its states")
    return film(truth, shots_of(scene, truth.states), "control")


def _judged(truth: Episode, frames: Frames) -> Episode:
    return replace(truth, frames=frames, states=None, contacts=None, source="control")


def _bytes(values: NDArray[np.floating]) -> Frames:
    rounded: Frames = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


_KINDS = (
    Control("hue", "every hue turns", "degrees", (3.0, 6.0, 9.0, 12.0, 15.0), hue),
    Control("light", "another light", "share", (0.2, 0.4, 0.6, 0.8, 1.0), light),
    Control("exposure", "exposure and noise", "levels", (1.0, 2.0, 4.0, 6.0, 8.0), exposure),
    Control("codec", "through a codec", "quality", (95.0, 90.0, 85.0, 80.0, 70.0), codec),
    Control("seed", "another legal seed", "seeds", (1.0, 1.0, 1.0, 1.0, 1.0), other_seed),
    Control("restart", "the start as read", "mm", (0.2, 0.5, 1.0, 1.5, 2.0), restart),
    Control("path", "render path exchanged", "samples", (4.0, 8.0, 4.0, 8.0, 8.0), render_path),
)
CONTROLS: dict[str, Control] = {control.name: control for control in _KINDS}


def find_control(name: str) -> Control:
    """A control by its name. Raises InputError on an unknown one."""
    if name not in CONTROLS:
        raise unknown("control", name, CONTROLS)
    return CONTROLS[name]
