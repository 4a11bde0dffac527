"""Frames made anew from recorded states: another size, look or view of the same motion."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field, fields, replace
from math import ceil, cos, isfinite, radians, sin
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.data.chunks import IMAGES
from worldsim.data.dataset import Dataset
from worldsim.data.store import EpisodeFile, read_bytes, sizes
from worldsim.episode import BodyStates, Contacts, Episode
from worldsim.errors import InputError
from worldsim.render import draw_states
from worldsim.render.records import body_records
from worldsim.sim.camera import Camera
from worldsim.sim.look import LOOKS, Look
from worldsim.sim.scene import Scene

_FORM = "orbit:YAW_DEG,PITCH_DEG,DISTANCE_M, for example orbit:30,20,1.6"
_STEEPEST_DEG = 89.9
_FARTHEST_M = 100.0
_NEAR_SHARE = 0.01  # of the distance


@dataclass(frozen=True)
class Orbit:
    """A camera that looks at the scene camera's target from elsewhere, and does not move.

    `yaw_deg` counts from +x, counter-clockwise seen from above, `pitch_deg` from the horizon up.
    """

    yaw_deg: float
    pitch_deg: float
    distance_m: float

    @classmethod
    def parse(cls, text: str) -> Orbit:
        """Of orbit:YAW_DEG,PITCH_DEG,DISTANCE_M. Raises InputError where it is no such view."""
        kind, _, rest = text.partition(":")
        try:
            numbers = [float(number) for number in rest.split(",")]
        except ValueError:
            numbers = []
        if kind != "orbit" or len(numbers) != 3 or not all(map(isfinite, numbers)):
            raise InputError(f"--camera must be {_FORM}; got {text!r}")
        yaw_deg, pitch_deg, distance_m = numbers
        if abs(pitch_deg) > _STEEPEST_DEG:
            raise InputError(
                f"--camera: the pitch must be from -{_STEEPEST_DEG} to {_STEEPEST_DEG} degrees "
                f"above the horizon, got {pitch_deg:g}"
            )
        if not 0.0 < distance_m <= _FARTHEST_M:
            raise InputError(
                f"--camera: the distance must be above 0 and at most {_FARTHEST_M:g} m, "
                f"got {distance_m:g}"
            )
        return cls(yaw_deg, pitch_deg, distance_m)

    def __str__(self) -> str:
        return f"orbit:{self.yaw_deg!r},{self.pitch_deg!r},{self.distance_m!r}"

    def of(self, scene: Scene, states: BodyStates) -> Camera:
        """The scene's camera there, with planes between which all bodies stay in all frames.

        `far_m`, the depth of what is empty, is the scene's own or the next whole metre that does.
        """
        yaw, pitch = radians(self.yaw_deg), radians(self.pitch_deg)
        towards = cos(pitch) * cos(yaw), cos(pitch) * sin(yaw), sin(pitch)
        x, y, z = (
            at + self.distance_m * along
            for at, along in zip(scene.camera.target_m, towards, strict=True)
        )
        away_m = np.linalg.norm(states.position_m - np.array((x, y, z)), axis=-1)
        reach_m = float((away_m + body_records(scene)["reach"]).max())
        return replace(
            scene.camera,
            position_m=(x, y, z),
            up=(0.0, 0.0, 1.0),
            near_m=min(scene.camera.near_m, _NEAR_SHARE * self.distance_m),
            far_m=max(scene.camera.far_m, float(ceil(reach_m))),
        )


@dataclass(frozen=True)
class Redrawn:
    """Makes episode number `index` of a recording again, drawn from its states, for `simulate`.

    Motion, actions, rewards and seeds stay. `size_px`, `look` and `orbit` are the recording's own
    where None; what TinyRenderer drew gets the look "studio". Needs no pybullet. Can be pickled.
    Raises InputError where the recording is unfinished or empty, its first episode has no states,
    TinyRenderer is asked for, or a moving camera is to stand elsewhere.
    """

    dataset: Dataset
    size_px: int | None = None
    look: Look | None = None
    orbit: Orbit | None = None
    frames: bool = True
    _first: Scene = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.look is not None and self.look.renderer == "tiny":
            raise InputError(
                "only the simulator draws with TinyRenderer (worldsim simulate --renderer tiny); "
                f"choose another look: {', '.join(name for name in LOOKS if name != 'tiny')}"
            )
        self.dataset.check_finished()
        file, arrays = self._read(0)
        object.__setattr__(self, "_first", self._scene(file.scene, _states(arrays)))
        sizes(self._first, file.steps)  # refuses what no episode holds

    @property
    def meta(self) -> dict[str, Any]:
        """The source's dataset.json with what is other now, and where it comes from."""
        gone = ("kind", "schema", "sha256", "versions")
        kept = {key: value for key, value in self.dataset.meta.items() if key not in gone}
        look, camera = self._first.look, self._first.camera
        return {
            **kept,
            "size_px": camera.width_px,
            "renderer": look.renderer,
            "look": look.to_dict(),
            "frames": self.frames,
            "camera": camera.to_dict(),
            "command": self.command,
            "source": {
                "data": str(self.dataset.path),
                "digest": self.dataset.digest,
                "versions": self.dataset.meta.get("versions", {}),
                "size_px": self.size_px,
                "orbit": self.orbit and str(self.orbit),
            },
        }

    @property
    def command(self) -> str:
        """What makes this, but for the folder and the workers."""
        words = [f"worldsim render {shlex.quote(str(self.dataset.path))}"]
        words += [f"--size-px {self.size_px}"] if self.size_px else []
        words += [f"--look {name}" for name, look in LOOKS.items() if look == self._first.look]
        words += [f"--camera {self.orbit}"] if self.orbit else []
        return " ".join(words + ([] if self.frames else ["--no-frames"]))

    @classmethod
    def of_recording(cls, folder: Path, meta: dict[str, Any]) -> Redrawn:
        """The one that made a recording, from its dataset.json.

        Raises InputError where the recording that it was drawn from is no longer where it was, nor
        beside this one, or has changed.
        """
        source = meta["source"]
        named = Path(source["data"])
        for path in (named, folder.resolve().parent / named.name):
            try:
                found = Dataset(path)
            except InputError:
                continue
            if found.digest == source["digest"]:
                orbit = Orbit.parse(source["orbit"]) if source["orbit"] else None
                look = Look.from_dict(meta["look"])
                return cls(found, source["size_px"], look, orbit, meta["frames"])
        raise InputError(
            f"{folder} was drawn from {named} (digest {source['digest'][:12]}), which is gone or "
            "has changed; bring that back, or render it again into another folder"
        )

    def __call__(self, index: int) -> Episode:
        file, arrays = self._read(index)
        states = _states(arrays)
        scene = self._scene(file.scene, states)
        size = (file.steps + 1, scene.camera.height_px, scene.camera.width_px)
        if self.frames:
            frames, depth_m, segmentation = draw_states(scene, states)
        else:
            frames, depth_m = np.zeros((*size, 3), np.uint8), np.zeros(size, np.float32)
            segmentation = np.zeros(size, np.uint8)
        return Episode(
            frames=frames,
            depth_m=depth_m,
            segmentation=segmentation,
            actions=arrays["actions"],
            rewards=arrays["rewards"],
            terminated=arrays["terminated"],
            truncated=arrays["truncated"],
            scene=scene,
            source=file.source,
            states=states,
            contacts=_contacts(arrays),
        )

    def _read(self, index: int) -> tuple[EpisodeFile, dict[str, Any]]:
        """An episode's file and all of its arrays but the images, checked."""
        entry = self.dataset.entries[index]
        path = self.dataset.path / entry.file
        where = f"episode {entry.index} of {self.dataset.path}"
        if hashlib.sha256(read_bytes(path)).hexdigest() != entry.sha256:
            raise InputError(
                f"{where} differs from its SHA-256; run worldsim verify {self.dataset.path} "
                "--repair"
            )
        file = EpisodeFile(path)
        if not any(name.startswith("states.") for name in file.kept):
            raise InputError(
                f"{where} has no states (it comes from {file.source}), so it cannot be drawn anew; "
                "record it in the simulator"
            )
        names = [name for name in file.kept if name not in IMAGES]
        return file, file.part(0, file.steps + 1, names)

    def _scene(self, scene: Scene, states: BodyStates) -> Scene:
        """A recorded scene as it is drawn now."""
        own = scene.look if scene.look.renderer == "worldsim" else LOOKS["studio"]
        scene = scene.with_look(self.look or own)
        if self.size_px is not None:
            scene = replace(scene, camera=scene.camera.resized(self.size_px, self.size_px))
        if self.orbit is None:
            return scene
        if any(body.role == "camera" for body in scene.bodies):
            raise InputError(
                f"the camera of {scene.scenario} is moved by the actions; leave --camera out"
            )
        return replace(scene, camera=self.orbit.of(scene, states))


def _states(arrays: dict[str, Any]) -> BodyStates:
    return BodyStates(*(arrays[f"states.{f.name}"] for f in fields(BodyStates)))


def _contacts(arrays: dict[str, Any]) -> Contacts | None:
    if "contacts.count" not in arrays:
        return None
    return Contacts(*(arrays[f"contacts.{f.name}"] for f in fields(Contacts)))
