"""Numbers come back from the picture that was drawn with them."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worldsim.eval.reading.redraw import Image, pixels, redrawn

SIZE_PX = 48
MIDDLE = np.array([24.0, 22.0])
off = st.floats(-5.0, 5.0)


class Disc:
    """A ball whose place in the image the two numbers are, px; it does not reach the rim."""

    unit = np.ones(2)
    low, high = np.full(2, 8.0), np.full(2, SIZE_PX - 8.0)

    def poses(self, numbers: NDArray[np.float64]) -> None:
        """Not asked for where pictures tell."""

    def draw(self, numbers: NDArray[np.float64]) -> Image | None:
        if not (np.abs(numbers - 0.5 * SIZE_PX) <= 20.0).all():
            return None
        rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
        away = np.hypot(columns - numbers[0], rows - numbers[1])
        share = np.clip(5.5 - away, 0.0, 1.0)
        rgb = 150.0 + share[..., None] * (np.array([200.0, 40.0, 30.0]) - 150.0)
        return pixels(rgb, 2.0 - share, 0.1)


@settings(max_examples=25, deadline=None)
@given(off, off, off, off)
def test_it_comes_back_from_some_pixels_off(x: float, y: float, dx: float, dy: float) -> None:
    disc, true = Disc(), MIDDLE + (x, y)
    seen = disc.draw(true)
    assert seen is not None
    found = redrawn(disc, disc.draw, seen, [true + (dx, dy)], 1.0)
    assert found is not None
    assert np.abs(found.numbers - true).max() < 0.2
    assert (np.linalg.eigvalsh(found.covariance) > 0.0).all()


def test_what_is_seen_blurred_with_wrong_depth_beside_it_is_found() -> None:
    disc = Disc()
    sharp = disc.draw(MIDDLE)
    assert sharp is not None
    seen = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    seen[10:34, 10:24, 3] += 3.0  # one side deeper by 0.3 m
    found = redrawn(disc, disc.draw, seen, [MIDDLE + (4.0, -3.0)], 1.0)
    assert found is not None and np.abs(found.numbers - MIDDLE).max() < 1.0


def test_the_best_start_is_taken_and_one_out_of_reach_is_none() -> None:
    disc = Disc()
    seen = disc.draw(MIDDLE)
    assert seen is not None
    beyond, far = np.array([60.0, 60.0]), np.array([38.0, 38.0])
    assert redrawn(disc, disc.draw, seen, [beyond], 1.0) is None
    found = redrawn(disc, disc.draw, seen, [beyond, far, MIDDLE], 1.0)
    assert found is not None and np.abs(found.numbers - MIDDLE).max() < 0.1
