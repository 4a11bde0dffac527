"""How a scene is drawn: materials, colours of light and sky, shadows, anti-aliasing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from worldsim.errors import InputError, unknown
from worldsim.sim.checks import as_tuples, check_numbers

Renderer = Literal["worldsim", "tiny"]
Shadows = Literal["none", "hard", "soft"]
Rgb = tuple[float, float, float]
SAMPLES = (1, 4, 8)


@dataclass(frozen=True)
class Look:
    """What the scene leaves open; a value, so that recorded frames can be made again for ever.

    `renderer`: "worldsim" is our own, "tiny" PyBullet's TinyRenderer, for which the rest means
    nothing. `samples` of a pixel at an edge: 1 (no anti-aliasing), 4 or 8. `texture` is how much
    darker the dark parts of a pattern are, `gloss` the strength of highlights, `mirror` the share
    of the sky that surfaces reflect, all in 0..1. `sun_direction` points to the light; None: where
    the scene's light is. `sun_rgb` and `ambient_rgb` tint the scene's light. `zenith_rgb`,
    `horizon_rgb` and `nadir_rgb` are what is seen where nothing stands.
    """

    renderer: Renderer = "worldsim"
    samples: int = 4
    shadows: Shadows = "hard"
    texture: float = 0.25
    gloss: float = 0.12
    mirror: float = 0.0
    sun_direction: tuple[float, float, float] | None = None
    sun_rgb: Rgb = (1.0, 1.0, 1.0)
    ambient_rgb: Rgb = (1.0, 1.0, 1.0)
    zenith_rgb: Rgb = (0.55, 0.66, 0.80)
    horizon_rgb: Rgb = (0.86, 0.89, 0.92)
    nadir_rgb: Rgb = (0.52, 0.53, 0.55)

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("renderer", self.renderer, get_args(Renderer)),
            ("shadows", self.shadows, get_args(Shadows)),
        ):
            if value not in known:
                raise unknown(kind, str(value), known)
        if self.samples not in SAMPLES:
            raise InputError(f"look: samples must be one of {SAMPLES}, got {self.samples}")
        shares = (self.texture, self.gloss, self.mirror)
        check_numbers("look: texture, gloss, mirror", shares, 3, 0.0, 1.0)
        for name in ("sun_rgb", "ambient_rgb", "zenith_rgb", "horizon_rgb", "nadir_rgb"):
            check_numbers(f"look: {name}", getattr(self, name), 3, 0.0, 4.0)
        if self.sun_direction is not None:
            check_numbers("look: sun_direction", self.sun_direction, 3)
            if not any(self.sun_direction):
                raise InputError("look: sun_direction must not be zero")

    @property
    def sample_px(self) -> tuple[float, float]:
        """The point of a pixel that depth and segmentation are those of; see Camera."""
        return (0.0, 1.0) if self.renderer == "tiny" else (0.5, 0.5)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Look:
        """The inverse of `to_dict`, also of its JSON."""
        return cls(**as_tuples(values))


LOOKS: dict[str, Look] = {
    "studio": Look(),
    "soft": Look(shadows="soft"),
    "matte": Look(gloss=0.0, texture=0.0),
    "metal": Look(gloss=0.6, mirror=0.45, texture=0.12),
    "evening": Look(
        sun_direction=(-0.75, 0.45, 0.55),
        sun_rgb=(1.25, 0.82, 0.5),
        ambient_rgb=(0.62, 0.66, 0.9),
        zenith_rgb=(0.24, 0.27, 0.45),
        horizon_rgb=(0.93, 0.62, 0.42),
        nadir_rgb=(0.30, 0.27, 0.30),
    ),
    "noon": Look(sun_direction=(0.1, -0.1, 1.0), sun_rgb=(1.2, 1.18, 1.1), gloss=0.2),
    "night": Look(
        sun_direction=(0.5, 0.4, 0.7),
        sun_rgb=(0.38, 0.45, 0.62),
        ambient_rgb=(0.32, 0.36, 0.52),
        zenith_rgb=(0.02, 0.03, 0.08),
        horizon_rgb=(0.09, 0.11, 0.2),
        nadir_rgb=(0.05, 0.05, 0.09),
    ),
    "tiny": Look(renderer="tiny"),
}


def find_look(look: str | Look) -> Look:
    """A look by its name, or itself. Raises InputError on an unknown name."""
    if isinstance(look, Look):
        return look
    if look not in LOOKS:
        raise unknown("look", str(look), LOOKS)
    return LOOKS[look]
