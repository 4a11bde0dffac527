"""A scene: everything the simulator needs and a renderer or evaluator may know. JSON round-trip."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from worldsim.actions import ActionSpec
from worldsim.errors import InputError
from worldsim.sim.camera import Camera

Shape = Literal["box", "sphere", "cylinder"]
Role = Literal["actuated", "free", "static", "marker"]
Split = Literal["id", "combo", "ood"]
SCHEMA = 1


@dataclass(frozen=True)
class Body:
    """A rigid body at the start of an episode.

    `size_m`: box (x, y, z) full edges; sphere (radius,); cylinder (radius, height) along its z.
    `role`: actuated bodies follow the action, free ones physics, static ones rest, and a marker
    is drawn but touches nothing. `mass_kg` is 0 for static bodies and markers.
    """

    name: str
    shape: Shape
    size_m: tuple[float, ...]
    color_rgb: tuple[float, float, float]
    position_m: tuple[float, float, float]
    role: Role = "free"
    mass_kg: float = 0.0
    friction: float = 0.5
    rolling_friction: float = 0.0
    spinning_friction: float = 0.0
    restitution: float = 0.0
    linear_damping: float = 0.04
    angular_damping: float = 0.04
    orientation_xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    velocity_m_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angular_velocity_rad_s: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def diameter_m(self) -> float:
        """Width seen from above: twice the radius, or a box's longer horizontal edge."""
        return max(self.size_m[:2]) if self.shape == "box" else 2.0 * self.size_m[0]

    @property
    def height_m(self) -> float:
        return self.size_m[-1] if self.shape != "sphere" else 2.0 * self.size_m[0]

    @property
    def moves(self) -> bool:
        return self.role in ("actuated", "free")


@dataclass(frozen=True)
class Light:
    direction: tuple[float, float, float] = (0.3, -0.4, 1.0)
    ambient: float = 0.6
    diffuse: float = 0.5
    specular: float = 0.0


@dataclass(frozen=True)
class Actuator:
    """What limits the actuated body: its motors and how far it may go.

    It follows the commanded velocity with at most `force_n` along each axis, and its centre stays
    within `reach_m` (x, y) of the world's origin.
    """

    force_n: float = 5.0
    reach_m: tuple[float, float] = (0.2, 0.2)


@dataclass(frozen=True)
class Scene:
    """The start of an episode and the rules that hold in it.

    A body's index in `bodies` is its index in BodyStates; index + 1 is its segmentation value
    (0 means nothing was hit).
    """

    scenario: str
    bodies: tuple[Body, ...]
    camera: Camera
    action_spec: ActionSpec
    light: Light = Light()
    actuator: Actuator = Actuator()
    gravity_m_s2: tuple[float, float, float] = (0.0, 0.0, -9.81)
    physics_rate_hz: int = 240
    frame_rate_hz: int = 10
    split: Split = "id"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frame_rate_hz < 1 or self.physics_rate_hz % self.frame_rate_hz:
            raise InputError(
                f"frame rate {self.frame_rate_hz} Hz does not divide "
                f"the physics rate {self.physics_rate_hz} Hz"
            )
        names = [body.name for body in self.bodies]
        if len(set(names)) != len(names):
            raise InputError(f"body names must differ: {names}")

    @property
    def dt_s(self) -> float:
        return 1.0 / self.frame_rate_hz

    @property
    def substeps(self) -> int:
        return self.physics_rate_hz // self.frame_rate_hz

    @property
    def moving(self) -> tuple[int, ...]:
        """Indices of the bodies that can move."""
        return tuple(i for i, body in enumerate(self.bodies) if body.moves)

    def index(self, name: str) -> int:
        for i, body in enumerate(self.bodies):
            if body.name == name:
                return i
        raise KeyError(f"no body {name!r}; there are {', '.join(b.name for b in self.bodies)}")

    def body(self, name: str) -> Body:
        return self.bodies[self.index(name)]

    def describe(self) -> str:
        """One English sentence."""
        free = [f"a {b.diameter_m:.2f} m {b.shape}" for b in self.bodies if b.role == "free"]
        rest = " and ".join(free) if free else "no free body"
        actuated = " and ".join(f"a {b.name}" for b in self.bodies if b.role == "actuated")
        return f"{self.scenario.capitalize()}: {actuated} among {rest} (seed {self.seed})."

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scene:
        values = dict(values)
        schema = values.pop("schema", None)
        if schema != SCHEMA:
            raise InputError(f"scene schema {schema!r}, this version reads {SCHEMA}")
        values["bodies"] = tuple(Body(**_tuples(body)) for body in values["bodies"])
        values["camera"] = Camera.from_dict(values["camera"])
        values["action_spec"] = ActionSpec.from_dict(values["action_spec"])
        values["light"] = Light(**_tuples(values["light"]))
        values["actuator"] = Actuator(**_tuples(values["actuator"]))
        values["gravity_m_s2"] = tuple(values["gravity_m_s2"])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Scene:
        return cls.from_dict(json.loads(text))


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
