"""The physics of a scene, frame by frame, in PyBullet."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldsim.errors import InputError
from worldsim.sim.actuators import PlanarActuator
from worldsim.sim.bullet import load_bullet
from worldsim.sim.contacts import ContactLog
from worldsim.sim.scene import Body, Scene
from worldsim.sim.shapes import create_shapes


class Simulator:
    """One PyBullet world. Call `reset(scene)` first; then `step` moves it one frame at a time.

    Equal scenes and actions give bit-identical states, in any process and after any history.
    Holds an engine until `close()`, the end of a `with` block or garbage collection.
    Raises InputError where pybullet is not installed, and before a first `reset`.
    """

    _client = -1  # so that close() also works on what __init__ never saw

    def __init__(self) -> None:
        self._bullet = load_bullet()
        self._client = self._bullet.connect(self._bullet.DIRECT)
        if self._client < 0:
            raise InputError("pybullet gave no more worlds; close() simulators no longer used")
        self._scene: Scene | None = None

    @property
    def scene(self) -> Scene:
        """The scene of the last reset."""
        if self._client < 0:
            raise InputError("this simulator is closed; make a new one")
        if self._scene is None:
            raise InputError("the simulator holds no scene yet; call reset(scene) first")
        return self._scene

    def reset(self, scene: Scene) -> None:
        """Build the scene anew, at its start."""
        if self._client < 0:
            raise InputError("this simulator is closed; make a new one")
        actuated = [body.name for body in scene.bodies if body.role == "actuated"]
        if len(actuated) != 1 or scene.action_spec.size != 2:
            raise InputError(
                "a scene needs one actuated body and two action channels, got "
                f"{actuated} and {scene.action_spec.size}"
            )
        self._bullet.resetSimulation(physicsClientId=self._client)
        self._set_engine(scene)
        self._scene = scene
        self._actions: list[NDArray[np.float32]] = []
        self._start = _start_state(scene)
        self._links: list[tuple[int, int]] = []
        for body in scene.bodies:
            self._links.append(self._add(scene, body))
        identifiers = [identifier for identifier, _ in self._links]
        self._contacts = ContactLog(identifiers)
        self._segment = np.zeros(max(identifiers) + 2, np.uint8)
        self._segment[identifiers] = np.arange(1, len(identifiers) + 1)
        self._camera = self._camera_arguments(scene)

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
        self._actuator.drive(values)
        self._contacts.clear()
        advance, points = self._bullet.stepSimulation, self._bullet.getContactPoints
        for _ in range(scene.substeps):
            advance(physicsClientId=self._client)
            self._contacts.add(points(physicsClientId=self._client))

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Pose and velocity of every body, scene order, float64, world frame.

        position_m (N, 3), orientation_xyzw (N, 4), velocity_m_s (N, 3),
        angular_velocity_rad_s (N, 3).
        """
        bullet, client = self._bullet, self._client
        values = {name: array.copy() for name, array in self._start.items()}
        for index in self.scene.moving:
            identifier, link = self._links[index]
            if link >= 0:
                row = bullet.getLinkState(identifier, link, 1, 1, physicsClientId=client)
                pose, velocity = row[4:6], row[6:8]
            else:
                pose = bullet.getBasePositionAndOrientation(identifier, physicsClientId=client)
                velocity = bullet.getBaseVelocity(identifier, physicsClientId=client)
            for array, value in zip(values.values(), (*pose, *velocity), strict=True):
                array[index] = value
        return values

    def contacts(self) -> dict[str, NDArray[Any]]:
        """Contacts of the last frame's physics steps, one row a body pair; see episode.Contacts.

        contact_count () int32, contact_bodies (16, 2) int32, contact_point_m (16, 3),
        contact_normal (16, 3), contact_impulse_n_s (16,) float64. Empty right after a reset.
        """
        return self._contacts.table(1.0 / self.scene.physics_rate_hz)

    def render(self) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
        """RGB uint8 (H, W, 3), depth in metres along the view axis (H, W), body index + 1 (H, W).

        Depth is `far_m` and segmentation 0 where nothing was hit.
        """
        camera = self.scene.camera
        _, _, rgba, buffer, bodies = self._bullet.getCameraImage(**self._camera)
        near_m, far_m = camera.near_m, camera.far_m
        depth_m = (far_m * near_m / (far_m - (far_m - near_m) * buffer)).astype(np.float32)
        return np.ascontiguousarray(rgba[..., :3]), depth_m, self._segment[bodies]

    def snapshot(self) -> bytes:
        """This moment, for `restore` in this or another process: the scene and the actions so far.

        Bullet's own saved states are not exact here: 8 of 64 continued differently, from 1e-16 up
        to centimetres, in memory or from a file. A replay is exact and takes 0.6 ms a frame.
        """
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
        self._bullet.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / scene.physics_rate_hz,
            numSubSteps=0,
            numSolverIterations=50,
            useSplitImpulse=1,
            splitImpulsePenetrationThreshold=-0.02,
            contactBreakingThreshold=0.02,
            collisionFilterMode=1,
            restitutionVelocityThreshold=0.05,
            erp=0.2,
            contactERP=0.2,
            frictionERP=0.2,
            globalCFM=0.0,
            enableConeFriction=1,
            deterministicOverlappingPairs=1,
            allowedCcdPenetration=0.0,
            solverResidualThreshold=1e-7,
            contactSlop=1e-5,
            enableSAT=0,
            enableFileCaching=0,
            physicsClientId=self._client,
        )
        self._bullet.setGravity(*scene.gravity_m_s2, physicsClientId=self._client)
        self._bullet.setTimeStep(1.0 / scene.physics_rate_hz, physicsClientId=self._client)

    def _add(self, scene: Scene, body: Body) -> tuple[int, int]:
        """Add a body; its PyBullet id and link."""
        bullet, client = self._bullet, self._client
        collision, visual = create_shapes(bullet, client, body)
        link = -1
        if body.role == "actuated":
            self._actuator = PlanarActuator(bullet, client, scene, body, collision, visual)
            identifier, link = self._actuator.identifier, PlanarActuator.LINK
        else:
            identifier = bullet.createMultiBody(
                baseMass=body.mass_kg if body.role == "free" else 0.0,
                baseCollisionShapeIndex=collision,
                baseVisualShapeIndex=visual,
                basePosition=body.position_m,
                baseOrientation=body.orientation_xyzw,
                physicsClientId=client,
            )
            bullet.resetBaseVelocity(
                identifier, body.velocity_m_s, body.angular_velocity_rad_s, physicsClientId=client
            )
        bullet.changeDynamics(
            identifier,
            link,
            lateralFriction=body.friction,
            rollingFriction=body.rolling_friction,
            spinningFriction=body.spinning_friction,
            restitution=body.restitution,
            linearDamping=body.linear_damping,
            angularDamping=body.angular_damping,
            physicsClientId=client,
        )
        return identifier, link

    def _camera_arguments(self, scene: Scene) -> dict[str, Any]:
        camera, light, bullet = scene.camera, scene.light, self._bullet
        view = bullet.computeViewMatrix(camera.position_m, camera.target_m, camera.up)
        projection = bullet.computeProjectionMatrixFOV(
            float(np.degrees(camera.fov_y_rad)),
            camera.width_px / camera.height_px,
            camera.near_m,
            camera.far_m,
        )
        return {
            "width": camera.width_px,
            "height": camera.height_px,
            "viewMatrix": view,
            "projectionMatrix": projection,
            "lightDirection": light.direction,
            "lightColor": (1.0, 1.0, 1.0),
            "lightAmbientCoeff": light.ambient,
            "lightDiffuseCoeff": light.diffuse,
            "lightSpecularCoeff": light.specular,
            "shadow": 0,
            "renderer": bullet.ER_TINY_RENDERER,
            "physicsClientId": self._client,
        }


def _start_state(scene: Scene) -> dict[str, NDArray[np.float64]]:
    names = ("position_m", "orientation_xyzw", "velocity_m_s", "angular_velocity_rad_s")
    return {name: np.array([getattr(body, name) for body in scene.bodies], float) for name in names}
