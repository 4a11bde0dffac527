"""The physics of a scene, frame by frame, in PyBullet."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from worldsim.errors import InputError
from worldsim.sim.actuators import Drive
from worldsim.sim.bullet import camera_arguments, load_bullet
from worldsim.sim.camera import Camera
from worldsim.sim.contacts import ContactLog
from worldsim.sim.editor import Editor
from worldsim.sim.scene import Scene
from worldsim.sim.world import World

_QUIET_STEPS = 2.5
"""Impacts slower than what so many steps of free fall add do not rebound, or rest would chatter."""


class Simulator:
    """One PyBullet world. Call `reset(scene)` first; then `step` moves it one frame at a time.

    Equal scenes and actions give bit-identical states, in any process and after any history.
    Holds an engine until `close()`, the end of a `with` block or garbage collection.
    With `seen` False the robot's meshes are not loaded, which takes 70 ms, unless the look is
    "tiny"; `render` does not work then. With `felt` False `contacts` does not, and a step takes up
    to a fifth less time.
    Raises InputError where pybullet is not installed, and before a first `reset`.
    """

    _client = -1  # so that close() also works on what __init__ never saw

    def __init__(self, seen: bool = True, felt: bool = True) -> None:
        self._seen = seen
        self._felt = felt
        self._bullet = load_bullet()
        self._client = self._bullet.connect(self._bullet.DIRECT)
        if self._client < 0:
            raise InputError("pybullet gave no more worlds; close() simulators no longer used")
        self._scene: Scene | None = None
        self._editor: Editor | None = None

    @property
    def scene(self) -> Scene:
        """The scene of the last reset."""
        if self._client < 0:
            raise InputError("this simulator is closed; make a new one")
        if self._scene is None:
            raise InputError("the simulator holds no scene yet; call reset(scene) first")
        return self._scene

    def reset(self, scene: Scene) -> None:
        """Build the scene anew, at its start. Raises InputError where that cannot be done."""
        if self._client < 0:
            raise InputError("this simulator is closed; make a new one")
        self._bullet.resetSimulation(physicsClientId=self._client)
        self._scene = None  # what cannot be built leaves no world to step in
        self._set_engine(scene)
        self._actions: list[NDArray[np.float32]] = []
        self._start = _start_state(scene)
        seen = self._seen or scene.look.renderer == "tiny"
        self._world = World(self._bullet, self._client, scene, seen)
        self._links = self._build(scene)
        self._contacts = ContactLog({place: index for index, place in self._links.items()})
        self._segment = _segments(self._links)
        self._editor = None
        self._scene = scene
        self._last_camera = self.camera

    def step(self, action: ArrayLike) -> None:
        """Advance one frame under `action`, float32 (A,) in [-1, 1].

        Raises ValueError on a wrong shape, a NaN or a value out of bounds; nothing moves then.
        """
        scene = self.scene
        values = scene.action_spec.check(action)
        if values.ndim != 1:
            size = scene.action_spec.size
            raise InputError(f"a step takes one action of shape ({size},), got {values.shape}")
        self._actions.append(values.copy())
        self._last_camera = self.camera
        self._drive.act(values)
        self._contacts.clear()
        advance, points = self._bullet.stepSimulation, self._bullet.getContactPoints
        for _ in range(scene.substeps):
            self._drive.push()
            if self._editor is not None:
                self._editor.push()
            advance(physicsClientId=self._client)
            if self._felt:
                self._contacts.add(points(physicsClientId=self._client))

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Pose and velocity of every body, scene order, float64, world frame.

        position_m (N, 3), orientation_xyzw (N, 4), velocity_m_s (N, 3),
        angular_velocity_rad_s (N, 3).
        """
        values = {name: array.copy() for name, array in self._start.items()}
        for index in self.scene.moving:
            if index in self._links:
                state = self._world.state(*self._links[index])
                for array, value in zip(values.values(), state, strict=True):
                    array[index] = value
        self._see(values)
        return values

    def edit(self) -> Editor:
        """Hands in this world until the next reset. An edited world takes no snapshots."""
        if self._editor is None:
            self._editor = Editor(self.scene, self._world, self._links)
        return self._editor

    def _see(self, values: dict[str, NDArray[np.float64]]) -> None:
        """Put the pose of the camera where a body of the scene stands for it."""
        for index, body in enumerate(self.scene.bodies):
            if body.role == "camera":
                now, last, dt_s = self.camera, self._last_camera, self.scene.dt_s
                turn = now.world_from_camera[:3, :3] @ last.world_from_camera[:3, :3].T
                step_m = np.subtract(now.position_m, last.position_m)
                values["position_m"][index] = now.position_m
                values["orientation_xyzw"][index] = now.orientation_xyzw
                values["velocity_m_s"][index] = step_m / dt_s
                turn_rad = Rotation.from_matrix(turn).as_rotvec()
                values["angular_velocity_rad_s"][index] = turn_rad / dt_s

    @property
    def camera(self) -> Camera:
        """Where the view is taken from at this moment."""
        return self._drive.view or self.scene.camera

    def contacts(self) -> dict[str, NDArray[Any]]:
        """Contacts of the last frame's physics steps, one row a body pair; see episode.Contacts.

        contact_count () int32, contact_bodies (16, 2) int32, contact_point_m (16, 3),
        contact_normal (16, 3), contact_impulse_n_s (16,) float64. Empty right after a reset.
        """
        if not self._felt:
            raise InputError("this simulator was made with felt=False: it logs no contacts")
        return self._contacts.table(1.0 / self.scene.physics_rate_hz)

    def render(
        self, shadow: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
        """What PyBullet's TinyRenderer sees, whatever the look: the oracle of worldsim.render.

        RGB uint8 (H, W, 3), depth in metres along the view axis (H, W), body index + 1 (H, W).
        Depth is `far_m` and segmentation 0 where nothing was hit. `shadow` adds its shadow pass.
        """
        camera = self.camera
        if not self._world.seen:
            raise InputError("this simulator was made with seen=False: it has nothing to render")
        _, _, rgba, buffer, values = self._bullet.getCameraImage(
            **camera_arguments(self._bullet, camera, self.scene.light),
            shadow=int(shadow),
            physicsClientId=self._client,
        )
        near_m, far_m = camera.near_m, camera.far_m
        depth_m = (far_m * near_m / (far_m - (far_m - near_m) * buffer)).astype(np.float32)
        # The lowest 24 bits are the identifier, those above the link + 1; -1 is nothing.
        bodies = self._segment[(values & 0xFFFFFF) % len(self._segment), (values >> 24) + 1]
        return np.ascontiguousarray(rgba[..., :3]), depth_m, bodies

    def snapshot(self) -> bytes:
        """This moment, for `restore` in this or another process: the scene and the actions so far.

        Bullet's own saved states are not exact here: 8 of 64 continued differently, from 1e-16 up
        to centimetres, in memory or from a file. A replay is exact and takes 0.6 ms a frame.
        Raises InputError after an edit: a replay would not repeat it.
        """
        if self._editor is not None:
            raise InputError("an edited world cannot be replayed; take the snapshot before edit()")
        actions = np.array(self._actions, "<f4").tobytes()
        values = {"scene": self.scene.to_dict(), "actions": b64encode(actions).decode()}
        return json.dumps(values, sort_keys=True).encode()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot; what follows is bit-identical to what followed then.

        Raises InputError where these bytes are no snapshot; nothing changes then.
        """
        try:
            values = json.loads(bytes(snapshot))
            scene = Scene.from_dict(values["scene"])
            actions = np.frombuffer(b64decode(values["actions"], validate=True), "<f4")
            actions = scene.action_spec.check(actions.reshape(-1, scene.action_spec.size))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("these bytes are not a snapshot of a simulator") from error
        self.reset(scene)
        for action in actions:
            self.step(action)

    def close(self) -> None:
        """Give the engine back. May be called twice."""
        client, self._client = self._client, -1
        if client >= 0:
            self._bullet.disconnect(physicsClientId=client)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _set_engine(self, scene: Scene) -> None:
        """Set every parameter: some of them survive resetSimulation, others do not."""
        fall_m_s = float(np.linalg.norm(scene.gravity_m_s2)) / scene.physics_rate_hz
        self._bullet.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / scene.physics_rate_hz,
            numSubSteps=0,
            numSolverIterations=50,
            useSplitImpulse=1,
            splitImpulsePenetrationThreshold=-0.02,
            contactBreakingThreshold=0.02,
            collisionFilterMode=1,
            restitutionVelocityThreshold=max(0.05, _QUIET_STEPS * fall_m_s),
            erp=0.2,
            contactERP=0.2,
            frictionERP=0.2,
            globalCFM=0.0,
            enableConeFriction=1,
            deterministicOverlappingPairs=1,
            allowedCcdPenetration=0.0,
            solverResidualThreshold=1e-7,
            contactSlop=1e-5,
            enableSAT=int(any(body.mesh for body in scene.bodies)),  # see shapes.load_box
            enableFileCaching=0,
            physicsClientId=self._client,
        )
        self._bullet.setGravity(*scene.gravity_m_s2, physicsClientId=self._client)
        self._bullet.setTimeStep(1.0 / scene.physics_rate_hz, physicsClientId=self._client)

    def _build(self, scene: Scene) -> dict[int, tuple[int, int]]:
        """Add all bodies; their PyBullet identifiers and links by body index, in scene order."""
        if scene.index(scene.actuator.body) not in scene.driven:
            raise InputError(
                f"body {scene.actuator.body!r} is what the {scene.actuator.kind} actuator drives; "
                'its role must be "actuated", or "camera" for a camera'
            )
        for body in scene.bodies:
            if body.role in ("free", "actuated") and body.mass_kg == 0.0:
                raise InputError(f"body {body.name!r} is {body.role}: it needs a mass above 0")
        links: dict[int, tuple[int, int]] = {}
        self._drive = Drive()
        for index, body in enumerate(scene.bodies):
            if index == min(scene.driven, default=-1):
                self._drive = scene.actuator.build(self._world)
                links.update(self._drive.links)
            elif index not in links and index not in scene.driven:
                links[index] = self._world.add(body)
        lacking = [
            body.name
            for index, body in enumerate(scene.bodies)
            if index not in links and body.role != "camera"
        ]
        if lacking:
            kind = scene.actuator.kind
            raise InputError(f"the {kind} actuator cannot drive {', '.join(lacking)}")
        return dict(sorted(links.items()))


def _segments(links: dict[int, tuple[int, int]]) -> NDArray[np.uint8]:
    """Body index + 1 by PyBullet identifier (the last row: none) and link + 2 (0: none)."""
    identifiers = [identifier for identifier, _ in links.values()]
    table = np.zeros((max(identifiers) + 2, max(link for _, link in links.values()) + 3), np.uint8)
    for index, (identifier, link) in links.items():
        table[identifier, link + 2] = index + 1
    return table


def _start_state(scene: Scene) -> dict[str, NDArray[np.float64]]:
    names = ("position_m", "orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s")
    return {name: np.array([getattr(body, name) for body in scene.bodies], float) for name in names}
