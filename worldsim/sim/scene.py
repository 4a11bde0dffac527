"""A scene: everything the simulator needs and a renderer or evaluator may know. JSON round-trip."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from math import hypot
from typing import Any, Literal, get_args

from worldsim.actions import ActionSpec
from worldsim.errors import InputError, unknown
from worldsim.sim.actuators import Actuator, Planar, actuator_from_dict
from worldsim.sim.camera import Camera
from worldsim.sim.checks import as_tuples, check_above_zero, check_numbers
from worldsim.sim.look import LOOKS, Look
from worldsim.sim.mesh import Mesh

Shape = Literal["box", "sphere", "cylinder", "mesh"]
Role = Literal["actuated", "free", "static", "marker", "camera"]
Split = Literal["id", "combo", "ood"]
SCHEMA = 1
MOST_BODIES = 255  # a segmentation value is a byte
_NOT_NEGATIVE = (
    "mass_kg",
    "friction",
    "rolling_friction",
    "spinning_friction",
    "restitution",
    "linear_damping",
    "angular_damping",
    "chequer_m",
)
_SIZES: dict[Shape, int] = {"box": 3, "sphere": 1, "cylinder": 2, "mesh": 3}


@dataclass(frozen=True)
class Body:
    """A rigid body at the start of an episode.

    `size_m`: box (x, y, z) full edges; sphere (radius,); cylinder (radius, height) along its z;
    mesh: the edges of the box round it. `role`: actuated bodies follow the action, free ones
    physics, static ones rest, a marker is drawn but touches nothing, and the camera is where the
    view is taken from. `mass_kg` is 0 for static bodies and markers. A body `attached_to` another
    one (its name) keeps its place on it. A mesh is `mesh`, or where that is None the file `asset`
    of pybullet_data, turned by `asset_yaw_rad` about z. The top of a box may be chequered, in
    squares of `chequer_m`. Raises InputError on numbers that no body has.
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
    attached_to: str = ""
    mesh: Mesh | None = None
    asset: str = ""
    asset_yaw_rad: float = 0.0
    chequer_m: float = 0.0

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("shape", self.shape, get_args(Shape)),
            ("role", self.role, get_args(Role)),
        ):
            if value not in known:
                raise unknown(kind, str(value), known)
        of = f"body {self.name!r}:"
        check_above_zero(f"{of} size_m of a {self.shape}", self.size_m, _SIZES[self.shape])
        check_numbers(f"{of} color_rgb", self.color_rgb, 3, 0.0, 1.0)
        for name in ("position_m", "velocity_m_s", "angular_velocity_rad_s"):
            check_numbers(f"{of} {name}", getattr(self, name), 3)
        check_numbers(f"{of} orientation_xyzw", self.orientation_xyzw, 4)
        if abs(hypot(*self.orientation_xyzw) - 1.0) > 1e-3:
            raise InputError(f"{of} orientation_xyzw {self.orientation_xyzw} has not the length 1")
        for name in _NOT_NEGATIVE:
            check_numbers(f"{of} {name}", (getattr(self, name),), 1, 0.0)
        if (self.shape == "mesh") != (self.mesh is not None or bool(self.asset)):
            raise InputError(f'{of} the shape "mesh", and no other, has a mesh or an asset')

    @property
    def diameter_m(self) -> float:
        """Width seen from above: twice the radius, or a box's longer horizontal edge."""
        return max(self.size_m[:2]) if self.shape in ("box", "mesh") else 2.0 * self.size_m[0]

    @property
    def height_m(self) -> float:
        return self.size_m[-1] if self.shape != "sphere" else 2.0 * self.size_m[0]

    @property
    def moves(self) -> bool:
        return self.role in ("actuated", "free", "camera") or bool(self.attached_to)


@dataclass(frozen=True)
class Light:
    direction: tuple[float, float, float] = (0.3, -0.4, 1.0)
    ambient: float = 0.6
    diffuse: float = 0.5
    specular: float = 0.0

    def __post_init__(self) -> None:
        check_numbers("light: direction", self.direction, 3)
        shares = (self.ambient, self.diffuse, self.specular)
        check_numbers("light: ambient, diffuse, specular", shares, 3, 0.0)


@dataclass(frozen=True)
class Scene:
    """The start of an episode and the rules that hold in it.

    A body's index in `bodies` is its index in BodyStates; index + 1 is its segmentation value
    (0 means nothing was hit). Raises InputError where its parts do not fit together.
    """

    scenario: str
    bodies: tuple[Body, ...]
    camera: Camera
    action_spec: ActionSpec
    light: Light = Light()
    look: Look = Look()
    actuator: Actuator = Planar()
    gravity_m_s2: tuple[float, float, float] = (0.0, 0.0, -9.81)
    physics_rate_hz: int = 240
    frame_rate_hz: int = 10
    split: Split = "id"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in get_args(Split):
            raise unknown("split", str(self.split), get_args(Split))
        rates = (self.physics_rate_hz, self.frame_rate_hz)
        if not all(isinstance(rate, int) for rate in rates) or self.physics_rate_hz < 1:
            raise InputError(f"rates must be whole numbers above 0, got {rates} Hz")
        if self.frame_rate_hz < 1 or self.physics_rate_hz % self.frame_rate_hz:
            raise InputError(
                f"frame rate {self.frame_rate_hz} Hz does not divide "
                f"the physics rate {self.physics_rate_hz} Hz"
            )
        check_numbers("gravity_m_s2", self.gravity_m_s2, 3)
        if len(self.bodies) > MOST_BODIES:
            raise InputError(f"{len(self.bodies)} bodies, {MOST_BODIES} are the most")
        self._check_names()

    def _check_names(self) -> None:
        names = [body.name for body in self.bodies]
        if len(set(names)) != len(names):
            raise InputError(f"body names must differ: {names}")
        if self.actuator.channels != self.action_spec.size:
            raise InputError(
                f"the {self.actuator.kind} actuator takes {self.actuator.channels} action "
                f"channels, the action spec has {self.action_spec.size}"
            )
        for name in (self.actuator.body, *(b.attached_to for b in self.bodies if b.attached_to)):
            if name not in names:
                raise unknown("body", name, names)
        held = {body.name for body in self.bodies if body.attached_to}
        for body in self.bodies:
            if body.attached_to in held:
                raise InputError(
                    f"body {body.name!r} is attached to {body.attached_to!r}, which is attached "
                    "itself; attach both to the same one"
                )

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

    @property
    def driven(self) -> tuple[int, ...]:
        """Indices of the bodies that the actuator builds and moves."""
        roles = ("actuated", "camera")
        return tuple(i for i, b in enumerate(self.bodies) if b.role in roles or b.attached_to)

    def index(self, name: str) -> int:
        """A body's place in `bodies`; InputError where there is none of that name."""
        for i, body in enumerate(self.bodies):
            if body.name == name:
                return i
        raise unknown("body", name, [body.name for body in self.bodies])

    def body(self, name: str) -> Body:
        return self.bodies[self.index(name)]

    def describe(self) -> str:
        """One true English sentence; see worldsim.sim.describe."""
        from worldsim.sim.describe import describe  # it speaks of scenes, so it imports this file

        return describe(self)

    def with_look(self, look: Look) -> Scene:
        """The same scene drawn otherwise."""
        return replace(self, look=look, camera=replace(self.camera, sample_px=look.sample_px))

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self), "actuator": self.actuator.to_dict()}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scene:
        """The inverse of `to_dict`. Raises InputError on what is no scene, or another version's."""
        try:
            return cls._of(values)
        except InputError:
            raise
        except KeyError as error:
            raise InputError(f"not a scene: {error} is missing") from error
        except (TypeError, AttributeError, ValueError) as error:
            raise InputError(f"not a scene: {error}") from error

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Scene:
        values = dict(values)
        schema = values.pop("schema", None)
        if schema != SCHEMA:
            raise InputError(f"scene schema {schema!r}, this version reads {SCHEMA}")
        values["bodies"] = tuple(_body(body) for body in values["bodies"])
        values["camera"] = Camera.from_dict(values["camera"])
        values["action_spec"] = ActionSpec.from_dict(values["action_spec"])
        values["light"] = Light(**as_tuples(values["light"]))
        # Scenes had no look when TinyRenderer drew all of them.
        values["look"] = Look.from_dict(values.get("look", LOOKS["tiny"].to_dict()))
        values["actuator"] = actuator_from_dict(values["actuator"])
        values["gravity_m_s2"] = tuple(values["gravity_m_s2"])
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Scene:
        """The inverse of `to_json`; see `from_dict`."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"not a scene's JSON: {error}") from error
        return cls.from_dict(values)


def _body(values: dict[str, Any]) -> Body:
    mesh = values.get("mesh")
    return Body(**{**as_tuples(values), "mesh": None if mesh is None else Mesh.from_dict(mesh)})
