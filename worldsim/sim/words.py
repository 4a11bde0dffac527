"""Numbers, colours and gravity in words."""

from __future__ import annotations

from colorsys import rgb_to_hsv
from math import sqrt

from worldsim.sim.scene import Body

EARTH_M_S2 = 9.81
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
LARGEST = 999_999

# Where the next hue begins, round the circle: half-way between the hues that scenarios paint with.
HUES = (
    (0.0375, "red"),
    (0.1175, "orange"),
    (0.2025, "yellow"),
    (0.3100, "lime"),
    (0.4375, "green"),
    (0.5625, "cyan"),
    (0.6900, "blue"),
    (0.8250, "purple"),
    (0.9425, "pink"),
    (1.0000, "red"),
)
COLORS = ("red orange yellow lime green cyan blue purple pink white grey black").split()


def number(value: float) -> str:
    """A number of 0 or more in words, rounded to a whole one.

    >>> number(1312.4)
    'one thousand three hundred twelve'
    """
    whole = round(value)
    if whole > LARGEST:
        return f"more than {number(LARGEST)}"
    if whole == 0 and value > 0.0:
        return "less than one"
    return _whole(whole)


def counted(value: float, unit: str) -> str:
    """A number and its unit, which is given in the singular."""
    return f"{number(value)} {unit if round(value) <= 1 and value > 0.0 else unit + 's'}"


def color(rgb: tuple[float, float, float]) -> str:
    """The word for a colour, channels in [0, 1]."""
    hue, saturation, value = rgb_to_hsv(*rgb)
    if value < 0.12:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.85 else "grey"
    return next(word for end, word in HUES if hue <= end)


def is_cube(body: Body) -> bool:
    """True for a box whose edges are the same in whole millimetres."""
    return body.shape == "box" and len({round(1000.0 * edge_m) for edge_m in body.size_m}) == 1


def size(body: Body) -> str:
    """Its edges, or its width (and height), in millimetres; one edge of a cube."""
    edges_m = body.size_m
    if is_cube(body):
        edges_m = body.size_m[:1]
    if body.shape in ("sphere", "cylinder"):
        edges_m = (2.0 * body.size_m[0], *body.size_m[1:])
    *others, last = (1000.0 * edge_m for edge_m in edges_m)
    return " by ".join([*(number(edge) for edge in others), counted(last, "millimetre")])


def gravity(gravity_m_s2: tuple[float, float, float]) -> str:
    """What gravity is: its strength as a share of Earth's, and whether it points down."""
    x, y, z = gravity_m_s2
    strength = sqrt(x * x + y * y + z * z)
    if strength == 0.0:
        return "there is no gravity"
    said = f"gravity is {_share(strength / EARTH_M_S2)}"
    if -z > 0.9999 * strength:
        return said
    return f"{said} and points {'up' if z > 0.9999 * strength else 'to the side'}"


def _share(share: float) -> str:
    if abs(share - 1.0) <= 0.01:
        return "that of Earth"
    if abs(share - 0.5) <= 0.01:
        return "half of Earth's"
    return f"{counted(100.0 * share, 'hundredth')} of Earth's"


def _whole(value: int) -> str:
    if value >= 1000:
        rest = value % 1000
        return " ".join([_whole(value // 1000), "thousand", *([_whole(rest)] if rest else [])])
    if value >= 100:
        rest = value % 100
        return " ".join([SMALL[value // 100], "hundred", *([_whole(rest)] if rest else [])])
    if value < 20:
        return SMALL[value]
    return " ".join([TENS[value // 10 - 2], *([SMALL[value % 10]] if value % 10 else [])])
