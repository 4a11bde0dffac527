"""Editor: changes a running simulation by body name, as no law of nature would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from worldsim.errors import InputError
from worldsim.sim.scene import Scene
from worldsim.sim.world import World

Link = tuple[int, int]


class Editor:
    """Hands in one world, between its steps; from `Simulator.edit`. What it does ends at a reset.

    Poses, velocities, forces and masses can be edited of bodies of their own, which excludes what
    hangs on an actuator's joints: see `loose`. Raises InputError where a body cannot be edited.
    """

    def __init__(self, scene: Scene, world: World, links: dict[int, Link]) -> None:
        self.scene, self._world, self._links = scene, world, links
        self._forces: dict[int, tuple[float, ...]] = {}

    def loose(self, name: str) -> bool:
        """Whether a body moves freely: its pose and velocity are its own, not a joint's."""
        index = self.scene.index(name)
        body, (_, link) = self.scene.bodies[index], self._links.get(index, (-1, 0))
        return link < 0 and body.role in ("free", "actuated")

    def place(
        self,
        name: str,
        position_m: Sequence[float],
        orientation_xyzw: Sequence[float] | None = None,
    ) -> None:
        """Put a body elsewhere at once; it keeps its velocity, and its turn where none is given."""
        identifier = self._identifier(name)
        velocity_m_s, turning_rad_s = self._world.state(identifier, -1)[2:]
        turn = (
            self._world.state(identifier, -1)[1] if orientation_xyzw is None else orientation_xyzw
        )
        self._call("resetBasePositionAndOrientation", identifier, tuple(position_m), tuple(turn))
        self._call("resetBaseVelocity", identifier, velocity_m_s, turning_rad_s)

    def shift(self, name: str, offset_m: Sequence[float]) -> None:
        """Move a body by an offset at once; it keeps its velocity and turn."""
        position_m = self._world.state(self._identifier(name), -1)[0]
        self.place(name, np.add(position_m, offset_m).tolist())

    def move(
        self,
        name: str,
        velocity_m_s: Sequence[float],
        angular_velocity_rad_s: Sequence[float] | None = None,
    ) -> None:
        """Give a body a velocity at once; it keeps its rate of turn where none is given."""
        identifier = self._identifier(name)
        turning = angular_velocity_rad_s
        if turning is None:
            turning = self._world.state(identifier, -1)[3]
        self._call("resetBaseVelocity", identifier, tuple(velocity_m_s), tuple(turning))

    def pull(self, name: str, force_n: Sequence[float]) -> None:
        """Pull a body through its centre, in every physics step from now on; (0, 0, 0) ends it."""
        if any(force_n):
            self._forces[self._identifier(name)] = tuple(float(part) for part in force_n)
        else:
            self._forces.pop(self._identifier(name), None)

    def gravity(self, gravity_m_s2: Sequence[float]) -> None:
        """Change gravity for all bodies."""
        self._call("setGravity", *gravity_m_s2)

    def matter(
        self,
        name: str,
        mass_kg: float | None = None,
        friction: float | None = None,
        restitution: float | None = None,
    ) -> None:
        """Change what a body is made of; its moments of inertia scale with the mass.

        A restitution above 1 gains energy at every impact. PyBullet takes the product of the two
        bodies' frictions and of their restitutions.
        """
        values: dict[str, Any] = {"lateralFriction": friction, "restitution": restitution}
        identifier, link = self._link(name)
        if mass_kg is not None:
            self._identifier(name)
            inertia = self._call("getDynamicsInfo", identifier, link)[2]
            scale = mass_kg / self._call("getDynamicsInfo", identifier, link)[0]
            # PyBullet forgets the inertia it was given where the mass alone is changed.
            values |= {"mass": mass_kg, "localInertiaDiagonal": [scale * i for i in inertia]}
        given = {key: value for key, value in values.items() if value is not None}
        self._call("changeDynamics", identifier, link, **given)

    def collide(self, name: str, other: str, meet: bool) -> None:
        """Let two bodies pass through each other, or (`meet`) meet again."""
        (one, link), (two, other_link) = self._link(name), self._link(other)
        self._call("setCollisionFilterPair", one, two, link, other_link, int(meet))

    def push(self) -> None:
        """A physics step begins: apply the forces. The simulator calls this."""
        for identifier, force_n in self._forces.items():
            self._world.push(identifier, force_n)

    def _link(self, name: str) -> Link:
        index = self.scene.index(name)
        if index not in self._links:
            raise InputError(f"body {name!r} is not in the engine and cannot be edited")
        return self._links[index]

    def _identifier(self, name: str) -> int:
        if not self.loose(name):
            raise InputError(f"body {name!r} rests or hangs on a joint and cannot be edited")
        return self._link(name)[0]

    def _call(self, function: str, *args: Any, **values: Any) -> Any:
        bullet, client = self._world.bullet, self._world.client
        return getattr(bullet, function)(*args, **values, physicsClientId=client)
