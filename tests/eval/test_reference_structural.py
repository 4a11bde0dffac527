"""SSIM and PSNR against their equations, hand-computed values and scikit-image's figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reference import pixels, structural
from worldsim.eval.reference.pixels import BEST_DB, psnr_db, squared_error
from worldsim.eval.reference.structural import ssim

FRAMES = arrays(np.uint8, (2, 12, 13, 3))


def plain(level: int) -> np.ndarray:
    return np.full((1, 11, 11, 3), level, np.uint8)


def pattern(factor: int) -> np.ndarray:
    """Frames from whole-number arithmetic: the same anywhere."""
    t, y, x, c = np.ogrid[:2, :20, :24, :3]
    return ((x * factor + y * 13 + (x * y) % 17 + 29 * t + 41 * c) % 251).astype(np.uint8)


def test_even_frames_differ_in_luminance_alone() -> None:
    # No variance: (2 * 100 * 150 + C1) / (100^2 + 150^2 + C1), C1 = 2.55^2 = 6.5025.
    assert ssim(plain(100), plain(150))[0] == pytest.approx(30006.5025 / 32506.5025, abs=1e-9)
    # C1 / (255^2 + C1): black and white are not quite 0.
    assert ssim(plain(0), plain(255))[0] == pytest.approx(6.5025 / 65031.5025, abs=1e-9)


def test_one_window_by_the_equation() -> None:
    # An 11x11 frame holds one window: equation 13 with a weight for every pixel.
    first, second = pattern(7)[:1, :11, :11], pattern(11)[:1, :11, :11]
    reach = np.arange(-5, 6)
    weight = np.exp(-(reach[:, None] ** 2 + reach[None] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    channels = []
    for c in range(3):
        x, y = first[0, ..., c].astype(float), second[0, ..., c].astype(float)
        mx, my = (weight * x).sum(), (weight * y).sum()
        vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
        cov = (weight * (x - mx) * (y - my)).sum()
        above = (2 * mx * my + 6.5025) * (2 * cov + 58.5225)  # C2 = 7.65^2
        channels.append(above / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225)))
    assert ssim(first, second)[0] == pytest.approx(np.mean(channels), abs=1e-12)


SKIMAGE_SSIM = [0.17104976027168606, 0.2635910461011048]
SKIMAGE_PSNR = [8.753078259599915, 8.726080104216125]


def test_figures_of_scikit_image() -> None:
    # scikit-image 0.26.0, structural_similarity with the arguments that structural.py names.
    assert ssim(pattern(7), pattern(11)) == pytest.approx(SKIMAGE_SSIM, abs=1e-12)
    assert psnr_db(pattern(7), pattern(11)) == pytest.approx(SKIMAGE_PSNR, abs=1e-12)


def test_psnr_of_one_level_everywhere() -> None:
    # MSE 1: 20 log10(255) = 48.1308 dB. Half the pixels off by 2: MSE 2, 3.0103 dB less.
    first = np.full((2, 4, 4, 3), 100, np.uint8)
    second = first + np.uint8(1)
    second[1] = first[1]
    second[1, :2] += 2
    assert psnr_db(first, second) == pytest.approx([48.130804, 45.120504], abs=1e-6)
    assert squared_error(first, second) * 255**2 == pytest.approx([1.0, 2.0])
    assert (psnr_db(first, first) == BEST_DB).all()


@given(FRAMES, FRAMES)
@settings(max_examples=40)
def test_both_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    assert ssim(a, b) == pytest.approx(ssim(b, a)) and (np.abs(ssim(a, b)) <= 1.0 + 1e-12).all()
    assert np.array_equal(psnr_db(a, b), psnr_db(b, a))
    assert ((psnr_db(a, b) >= 0.0) & (psnr_db(a, b) <= BEST_DB)).all()


@given(FRAMES)
@settings(max_examples=40)
def test_equal_frames_are_1(a: np.ndarray) -> None:
    assert ssim(a, a) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((1, 12, 12), np.uint8), "give uint8"),
        (np.zeros((1, 12, 12, 3)), "generated is float64"),
        (np.zeros((1, 10, 12, 3), np.uint8), "10 x 12 px; 11 x 11 needed"),
        (np.zeros((0, 12, 12, 3), np.uint8), "no frames"),
        (np.zeros((2, 12, 12, 3), np.uint8), "same shape"),
    ],
)
def test_ssim_refuses_what_does_not_fit(wrong: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ssim(wrong, np.zeros((1, 12, 12, 3), np.uint8))


def test_psnr_refuses_what_does_not_fit() -> None:
    right = np.zeros((2, 4, 4, 3), np.uint8)
    for wrong, message in (
        (right[:1], "same shape"),
        (np.full(right.shape, np.nan), "NaN or infinity"),
    ):
        with pytest.raises(InputError, match=message):
            psnr_db(wrong, right)
    with pytest.raises(InputError, match="none of them 0"):
        psnr_db(right[:0], right[:0])


def test_an_episode_against_itself_and_a_frozen_one(episodes: list[Episode]) -> None:
    one = episodes[0]
    assert structural.named_values(one, one)["ssim"] == pytest.approx(1.0)
    assert pixels.named_values(one, one) == {"psnr_db": BEST_DB, "squared_error": 0.0}
    frozen = replace(one, frames=np.repeat(one.frames[:1], len(one.frames), axis=0))
    assert structural.named_values(frozen, one)["ssim"] < 1.0
    assert pixels.named_values(frozen, one)["psnr_db"] < BEST_DB
