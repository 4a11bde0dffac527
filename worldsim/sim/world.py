"""A scene's bodies in PyBullet: built once at reset, found again by body index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.sim.scene import Body, Scene
from worldsim.sim.shapes import create_shapes, load_box

Float = NDArray[np.float64]
Links = dict[int, tuple[int, int]]

_CARRIER_MASS_KG = 1e-3
_ORIGIN, _IDENTITY = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)

# Of a contact with what bounces; see World._bounce.
_SPRING_N_M = 1e9  # so stiff that it yields to nothing: only its ratio to the damping counts
_ERP = 0.02  # the share of an overlap that a step pushes out
_CLOSED = 1.5  # a gap of this many first steps of free fall is closed: less, and rest is a chatter


@dataclass
class World:
    """What an actuator builds with. `bullet` is the pybullet module, `client` its world.

    Where it is not `seen`, what only TinyRenderer sees may be left out.
    """

    bullet: Any
    client: int
    scene: Scene
    seen: bool = True

    def shapes(self, body: Body) -> tuple[int, int]:
        """PyBullet's collision and visual shape of a body; see create_shapes."""
        return create_shapes(self.bullet, self.client, body)

    def add(self, body: Body) -> tuple[int, int]:
        """Add a body of its own; its PyBullet identifier and link (-1, the base)."""
        mass_kg = body.mass_kg if body.role in ("free", "actuated") else 0.0
        meets_mesh = body.role != "marker" and any(other.mesh for other in self.scene.bodies)
        if body.shape == "box" and meets_mesh:
            identifier = load_box(self.bullet, self.client, body, mass_kg)
        else:
            collision, visual = self.shapes(body)
            identifier = self.bullet.createMultiBody(
                baseMass=mass_kg,
                baseCollisionShapeIndex=collision,
                baseVisualShapeIndex=visual,
                basePosition=body.position_m,
                baseOrientation=body.orientation_xyzw,
                physicsClientId=self.client,
            )
        self.bullet.resetBaseVelocity(
            identifier, body.velocity_m_s, body.angular_velocity_rad_s, physicsClientId=self.client
        )
        self.set_material(identifier, -1, body)
        if mass_kg and body.restitution:
            self._bounce(identifier)
        return identifier, -1

    def add_hinged(self, name: str, pivot_m: Sequence[float], axis: Sequence[float]) -> Links:
        """Add a body on a world-fixed hinge, with all that is attached to it; where they are.

        The hinge is joint 0 of every one of these links' PyBullet body. It starts at the body's
        angular velocity about the axis, of length 1.
        """
        carried = [
            index
            for index, body in enumerate(self.scene.bodies)
            if name in (body.name, body.attached_to)
        ]
        bodies = [self.scene.bodies[index] for index in carried]
        shapes = [self.shapes(body) for body in bodies]
        count = len(bodies)
        identifier = self.bullet.createMultiBody(
            baseMass=0.0,
            basePosition=pivot_m,
            linkMasses=[_CARRIER_MASS_KG, *(body.mass_kg for body in bodies)],
            linkCollisionShapeIndices=[-1, *(collision for collision, _ in shapes)],
            linkVisualShapeIndices=[-1, *(visual for _, visual in shapes)],
            linkPositions=[
                _ORIGIN,
                *(np.subtract(body.position_m, pivot_m).tolist() for body in bodies),
            ],
            linkOrientations=[_IDENTITY, *(body.orientation_xyzw for body in bodies)],
            linkInertialFramePositions=[_ORIGIN] * (count + 1),
            linkInertialFrameOrientations=[_IDENTITY] * (count + 1),
            linkParentIndices=[0] + [1] * count,
            linkJointTypes=[self.bullet.JOINT_REVOLUTE] + [self.bullet.JOINT_FIXED] * count,
            linkJointAxis=[axis] + [_ORIGIN] * count,
            physicsClientId=self.client,
        )
        links = {index: (identifier, link) for link, index in enumerate(carried, start=1)}
        for (_, link), body in zip(links.values(), bodies, strict=True):
            self.set_material(identifier, link, body)
        self.bullet.changeDynamics(
            identifier,
            0,
            jointDamping=0.0,
            linearDamping=0.0,
            angularDamping=0.0,
            physicsClientId=self.client,
        )
        turning_rad_s = self.scene.body(name).angular_velocity_rad_s
        self.bullet.resetJointState(
            identifier, 0, 0.0, float(np.dot(turning_rad_s, axis)), physicsClientId=self.client
        )
        return links

    def set_material(self, identifier: int, link: int, body: Body) -> None:
        """Friction, restitution and damping, and a mesh's moments of inertia."""
        values: dict[str, Any] = {}
        if body.mesh is not None and body.role != "marker":
            scale = body.mass_kg * max(body.size_m) ** 2
            values["localInertiaDiagonal"] = [scale * moment for moment in body.mesh.inertia]
            values["collisionMargin"] = 0.0  # else it floats a millimetre above what has no facets
        self.bullet.changeDynamics(
            identifier,
            link,
            lateralFriction=body.friction,
            rollingFriction=body.rolling_friction,
            spinningFriction=body.spinning_friction,
            restitution=body.restitution,
            linearDamping=body.linear_damping,
            angularDamping=body.angular_damping,
            **values,
            physicsClientId=self.client,
        )

    def _bounce(self, identifier: int) -> None:
        """Make a body rebound at the restitution's share of its speed, within a few hundredths.

        PyBullet adds to a rebound the speed that pushes the overlap out, a fifth of it a step, and
        subtracts that which closes the gap, where the bodies are near but apart. Together that is
        +-0.2 and more. One of two bodies suffices; the links of a hinged body go without, as with
        both a load sinks into a tilting plank.
        """
        dt_s = 1.0 / self.scene.physics_rate_hz
        fall_m = float(np.linalg.norm(self.scene.gravity_m_s2)) * dt_s**2
        self.bullet.changeDynamics(
            identifier,
            -1,
            contactProcessingThreshold=_CLOSED * fall_m,
            contactStiffness=_SPRING_N_M,
            contactDamping=_SPRING_N_M * dt_s * (1.0 / _ERP - 1.0),
            physicsClientId=self.client,
        )

    def push(self, identifier: int, force_n: Sequence[float]) -> None:
        """Apply a force through the centre of a body during the next physics step."""
        position_m, _ = self.bullet.getBasePositionAndOrientation(
            identifier, physicsClientId=self.client
        )
        self.bullet.applyExternalForce(
            identifier,
            -1,
            force_n,
            position_m,
            self.bullet.WORLD_FRAME,
            physicsClientId=self.client,
        )

    def launch(self, identifier: int, velocity_m_s: Float) -> None:
        """Give a body a velocity at once."""
        self.bullet.resetBaseVelocity(
            identifier, velocity_m_s.tolist(), physicsClientId=self.client
        )

    def state(self, identifier: int, link: int) -> tuple[Sequence[float], ...]:
        """Position m, orientation xyzw, velocity m/s and angular velocity rad/s of a body."""
        if link < 0:
            pose = self.bullet.getBasePositionAndOrientation(
                identifier, physicsClientId=self.client
            )
            return (*pose, *self.bullet.getBaseVelocity(identifier, physicsClientId=self.client))
        row = self.bullet.getLinkState(identifier, link, 1, 1, physicsClientId=self.client)
        return (*row[4:6], *row[6:8])
