"""What the kernels read: records of bodies and of the view.

Numbers of a field with a shape are fields too: turn[0, 1] is turn01. Inner loops read those, as a
view of the whole costs more there than the number.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

MOST_SAMPLES = 8
SOFT = 16  # directions to a wide light


def _record(fields: list[tuple[Any, ...]]) -> np.dtype[Any]:
    """A record of these fields, and of all numbers in those that have a shape of their own."""
    plain: np.dtype[Any] = np.dtype(fields)
    names, formats, offsets = [], [], []
    for name in plain.names or ():
        kind, offset = plain.fields[name][:2]  # type: ignore[index]
        names.append(name)
        formats.append(kind)
        offsets.append(offset)
        for number, place in enumerate(product(*map(range, kind.shape))):
            if kind.shape and max(kind.shape) <= 4:
                names.append(name + "".join(map(str, place)))
                formats.append(kind.base)
                offsets.append(offset + number * kind.base.itemsize)
    return np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": plain.itemsize}
    )


BODY = _record(
    [
        ("position", "f8", 3),
        ("quaternion", "f8", 4),  # xyzw
        ("turn", "f8", (3, 3)),  # world_from_body
        ("eye", "f8", 3),  # in the body's frame
        ("aim", "f8", (3, 3)),  # image position (x, y, 1) in px -> ray in the body's frame
        ("half", "f8", 3),  # box: half edges; sphere: radius; cylinder, disc: radius, radius, half
        ("over", "f8", 3),  # one over each of these
        ("reach", "f8"),  # radius about the position that holds all of it
        ("rgb", "f8", 3),
        ("cells", "f8"),  # of a chequer on top, in a metre; 0: none
        ("kind", "i8"),  # solids.SPHERE ...; 0: not drawn
        ("still", "i8"),  # 1: never moves
        ("casts", "i8"),  # 1: can throw a shadow
        ("octants", "i8"),  # 1: patterned so that turning shows
        ("beams", "f8", (SOFT, 6)),  # to points of the light in the body's frame, and one over that
        ("rect", "i8", 4),  # left, top, right, bottom of what it covers, right and bottom beyond
        ("shade", "i8", 4),  # and of where its shadow may fall
    ]
)

VIEW = _record(
    [
        ("eye", "f8", 3),
        ("axes", "f8", (3, 3)),  # rows: right, down, forward in the world
        ("focal", "f8"),
        ("pixel", "f8"),  # one over it
        ("near", "f8"),
        ("far", "f8"),
        ("width", "i8"),
        ("height", "i8"),
        ("samples", "i8"),
        ("offsets", "f8", (1 + MOST_SAMPLES, 2)),  # of samples in a pixel; the first is depth's
        ("sun", "f8", 3),
        ("directions", "f8", (SOFT, 3)),  # to points of a wide light
        ("across", "f8", (2, 3)),  # at right angles to it and each other, right-handed
        ("shadows", "i8"),  # how many directions to try: 0, 1 or SOFT
        ("spread", "f8"),  # tangent of the light's angular radius
        ("sun_rgb", "f8", 3),
        ("ambient_rgb", "f8", 3),
        ("texture", "f8"),
        ("gloss", "f8"),
        ("mirror", "f8"),
        ("zenith", "f8", 3),
        ("horizon", "f8", 3),
        ("nadir", "f8", 3),
        ("floor", "f8"),  # height under which no shadow is looked for
        ("map_u", "f8"),  # of the light map: its corner along `across`, px a metre, and the height
        ("map_v", "f8"),  # towards the sun of its middle
        ("map_scale", "f8"),
        ("map_middle", "f8"),
    ]
)
