"""Reading: what was read off the frames of a scene, body by body."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """What was read off T+1 frames of a scene of N bodies.

    Values are NaN where a body was not found. Static bodies and markers rest where the scene has
    them and count as found. `orientation_xyzw` is one of those that the body's shape makes alike,
    the nearest to the frame before; NaN where the shape shows none (spheres).
    `covariance_m2` is that of the position in world axes, from the fit's residuals.
    `hidden` marks frames in which a body that was not found may be covered by others or out of
    view, going by where it was seen last; not found and not hidden is lost.
    `segmentation` is body index + 1, as in Episode. `visible_share` is the share of a body's whole
    outline that shows it, 0 where not found. `overlap` is the intersection over union of the
    pixels that show the body and of those that it should cover at the pose read. `scale` is its
    apparent size over the known one. `color_ratio` is its mean colour over that of the same body
    drawn at the pose read, by channel. `extra` counts further blobs that look like the body.
    """

    position_m: Float  # (T+1, N, 3)
    covariance_m2: Float  # (T+1, N, 3, 3)
    orientation_xyzw: Float  # (T+1, N, 4)
    found: Bool  # (T+1, N)
    hidden: Bool  # (T+1, N)
    segmentation: NDArray[np.uint8]  # (T+1, H, W)
    visible_share: Float  # (T+1, N)
    overlap: Float  # (T+1, N)
    scale: Float  # (T+1, N)
    color_ratio: Float  # (T+1, N, 3)
    extra: NDArray[np.int64]  # (T+1, N)

    def part(self, start: int, stop: int) -> Reading:
        """Frames start..stop, stop included."""
        frames = slice(start, stop + 1)
        return Reading(**{f.name: getattr(self, f.name)[frames] for f in fields(self)})
