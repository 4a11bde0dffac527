"""Physics-IQ, original and Verified, against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reference.motion_masks import (
    motion_masks,
    reduced_frames,
    reduced_masks,
    stored_levels,
)
from worldsim.eval.reference.physics_iq import (
    Sample,
    Terms,
    compare_masks,
    frame_iou,
    named_values,
    sample,
    score,
    verified_score,
    verified_terms,
    weighted_spatial_iou,
)

MASKS = arrays(np.bool_, (3, 4, 5))


def plain(levels: list[int], side_px: int = 16) -> np.ndarray:
    """Frames of one grey each."""
    grey = np.array(levels, np.uint8)[:, None, None, None]
    return np.broadcast_to(grey, (len(levels), side_px, side_px, 3)).copy()


def terms(spatial: float, spatiotemporal: float, weighted: float, mse: float) -> Terms:
    return Terms(spatial, np.array([spatiotemporal]), weighted, np.array([mse], np.float32))


def test_the_mean_takes_a_frame_in_before_the_difference() -> None:
    # 100 -> 114: mean 0.7 * 100 + 0.3 * 114 = 104.2, as a level 104; difference 10, not above 10.
    # 100 -> 115: mean 104.5, as a level 104; difference 11.
    assert not motion_masks(plain([100, 114])).any()
    assert motion_masks(plain([100, 115]))[1].all()


def test_what_stops_fades_out_of_the_mask() -> None:
    # 100, then 200 for good. Means 130, 151, 165.7, 175.99, 183.193, 188.24, 191.76:
    # differences 70, 49, 34, 24, 17, 12, 8; the last is not above 10.
    found = motion_masks(plain([100] + [200] * 7)).all((1, 2))
    assert found.tolist() == [False, True, True, True, True, True, True, False]


def test_nothing_moves_in_the_first_frame_and_specks_are_opened_away() -> None:
    frames = plain([50, 50], 40)
    frames[1, 10:12, 10:12] = 150  # 2x2: what is left of it holds no 5x5
    assert not motion_masks(frames).any()
    frames[1, 10:20, 10:20] = 150
    found = motion_masks(frames)
    assert not found[0].any() and found[1, 12:18, 12:18].all()


@pytest.mark.parametrize(("set_px", "kept"), [(1, False), (2, True), (4, True)])
def test_a_reduced_pixel_is_the_middle_of_its_block(set_px: int, kept: bool) -> None:
    # Bilinear at 1/4 looks at the middle 2x2 of a 4x4 block: 255 / 4 = 64, 510 / 4 = 128 > 127.
    block = np.zeros((1, 4, 4), bool)
    block[0, [1, 1, 2, 2][:set_px], [1, 2, 1, 2][:set_px]] = True
    assert bool(reduced_masks(block)[0, 0, 0]) is kept
    border = ~np.pad(np.ones((1, 2, 2), bool), ((0, 0), (1, 1), (1, 1)))
    assert not reduced_masks(border).any()


def test_reduced_frames_are_shares_of_full_scale() -> None:
    small = reduced_frames(plain([0, 51, 255], 8))
    assert small.shape == (3, 2, 2, 3) and small[:, 0, 0, 0].tolist() == [0.0, 0.2, 1.0]


def test_the_terms_of_two_frames_of_two_pixels() -> None:
    # first: frame 0 nothing, frame 1 both pixels; second: the left one in both frames.
    first = np.array([[[False, False]], [[True, True]]])
    second = np.array([[[True, False]], [[True, False]]])
    found = compare_masks(first, second, np.zeros(2, np.float32))
    assert found.spatiotemporal.tolist() == [0.0, 0.5]  # 0 of 1, 1 of 2
    assert found.spatial == 0.5  # {left, right} and {left}
    # means (1/2, 1/2) and (1, 0): minima 1/2 + 0, maxima 1 + 1/2.
    assert found.weighted_spatial == pytest.approx(1 / 3)


def test_nothing_moving_in_both_is_a_perfect_match() -> None:
    none = np.zeros((2, 3, 3), bool)
    found = compare_masks(none, none, np.zeros(2, np.float32))
    assert (found.spatial, found.weighted_spatial) == (1.0, 1.0)
    assert found.spatiotemporal.tolist() == [1.0, 1.0]
    some = none.copy()
    some[0, 0, 0] = True
    assert frame_iou(none, some).tolist() == [0.0, 1.0]


def test_the_original_score_by_hand() -> None:
    # (0.3/0.6 + 0.5/0.8 + 0.4/0.5) / 3 - (0.02 - 0.01) = 1.925 / 3 - 0.01 = 0.631666...
    one = Sample(terms(0.5, 0.3, 0.4, 0.02), terms(0.8, 0.6, 0.5, 0.01))
    assert score([one]) == 63.17
    assert score([one], rounded=False) == pytest.approx(100 * (1.925 / 3 - 0.01), abs=1e-5)


def test_the_original_is_a_ratio_of_means_and_verified_a_mean_of_clipped_ratios() -> None:
    # Every overlap: (0.2 + 0.6) / (0.4 + 0.6) = 0.8 original; (1/2 + 1) / 2 = 0.75 Verified.
    # MSE as in the takes: no part in the original, 1 in Verified. (3 * 0.75 + 1) / 4 = 0.8125.
    low = Sample(terms(0.2, 0.2, 0.2, 0.5), terms(0.4, 0.4, 0.4, 0.5))
    high = Sample(terms(0.6, 0.6, 0.6, 0.5), terms(0.6, 0.6, 0.6, 0.5))
    assert score([low, high]) == 80.0
    assert verified_score([low, high]) == pytest.approx(81.25, abs=1e-5)
    # A ratio above 1 makes up for one below in the original, not in Verified.
    better = Sample(terms(0.8, 0.2, 0.5, 0.5), terms(0.4, 0.4, 0.5, 0.5))  # 2, 1/2, 1
    assert score([better]) == 100.0
    assert verified_score([better]) == pytest.approx(100 * 3.5 / 4, abs=1e-5)


def test_verified_inverts_the_error() -> None:
    one = Sample(terms(0.3, 0.3, 0.3, 0.04), terms(0.6, 0.6, 0.6, 0.01))
    assert verified_terms(one) == pytest.approx(
        {"spatial": 0.5, "spatiotemporal": 0.5, "weighted_spatial": 0.5, "mse": 0.25}, abs=1e-5
    )


def test_rounding_makes_a_small_error_none_at_all() -> None:
    one = Sample(terms(0.5, 0.5, 0.5, 4e-5), terms(0.5, 0.5, 0.5, 1e-5))
    assert verified_terms(one)["mse"] == 1.0
    assert verified_terms(one, rounded=False)["mse"] == pytest.approx(0.25, abs=1e-3)
    thirds = Sample(terms(0.5, 1 / 3, 0.5, 0.0), terms(1.0, 1.0, 1.0, 0.0))
    # Values of frames to 4 digits: (0.3333 + 1) / 3 = 0.44443; exactly it is 0.44444...
    assert verified_terms(thirds)["spatiotemporal"] == pytest.approx(0.3333, abs=1e-7)
    assert score([thirds]) == 44.44 and score([thirds], rounded=False) == pytest.approx(400 / 9)


def test_takes_that_never_overlap_give_full_marks_or_no_number() -> None:
    apart = terms(0.0, 0.0, 0.0, 0.0)
    assert score([Sample(terms(0.1, 0.1, 0.1, 0.0), apart)]) == 100.0
    assert np.isnan(score([Sample(apart, apart)]))
    assert verified_score([Sample(apart, apart)]) == pytest.approx(25.0)


def moving_square(step_px: int) -> np.ndarray:
    """An 8 px square on a slope of grey, 12 frames; whole numbers only, so the same anywhere."""
    frames = np.empty((12, 48, 64, 3), np.uint8)
    frames[:] = (100 + np.arange(64) % 7)[:, None]
    for t in range(12):
        frames[t, 16:24, 4 + step_px * t : 12 + step_px * t] = (250, 220, 60)
    return frames


SQUARE = {
    "spatial": 0.6153846153846154,
    "spatiotemporal": 0.459292328042328,
    "weighted_spatial": 0.5416666666666666,
    "mse": 0.005773941200459376,
    "score": 70.22,
    "verified": 72.40349389593673,
}


def test_figures_of_the_authors_formulas_on_a_moving_square() -> None:
    # From the authors' functions retyped beside this repository (masks not sent through mp4v).
    one = sample(moving_square(2), moving_square(4), moving_square(5))
    assert one.terms.spatial == pytest.approx(SQUARE["spatial"], abs=1e-12)
    assert one.terms.spatiotemporal.mean() == pytest.approx(SQUARE["spatiotemporal"], abs=1e-12)
    assert one.terms.weighted_spatial == pytest.approx(SQUARE["weighted_spatial"], abs=1e-12)
    assert one.terms.mse.mean(dtype=np.float64) == pytest.approx(SQUARE["mse"], abs=1e-8)
    assert score([one]) == SQUARE["score"]
    assert verified_score([one]) == pytest.approx(SQUARE["verified"], abs=1e-6)


def test_a_copy_has_full_marks() -> None:
    frames = moving_square(4)
    assert score([sample(frames, frames, frames)]) == 100.0
    # Not quite 100 in Verified: overlaps are 1 / (1 + 1e-8).
    assert verified_score([sample(frames, frames, frames)]) == pytest.approx(100.0, abs=1e-6)


def test_the_codec_round_trip_keeps_the_masks_nearly() -> None:
    masks = motion_masks(moving_square(4))
    levels = stored_levels(masks)
    assert levels.shape == masks.shape
    assert (reduced_masks(levels) == reduced_masks(masks)).mean() > 0.98
    with pytest.raises(InputError, match="even sizes"):
        stored_levels(masks[:, :-1])


@given(MASKS, MASKS)
def test_overlaps_are_symmetric_bounded_and_1_with_themselves(a: np.ndarray, b: np.ndarray) -> None:
    mse = np.zeros(3, np.float32)
    there, back = compare_masks(a, b, mse), compare_masks(b, a, mse)
    assert there.spatial == back.spatial and 0.0 <= there.spatial <= 1.0
    assert there.weighted_spatial == pytest.approx(back.weighted_spatial)
    assert 0.0 <= there.weighted_spatial <= 1.0
    assert np.array_equal(there.spatiotemporal, back.spatiotemporal)
    same = compare_masks(a, a, mse)
    assert (same.spatial, same.weighted_spatial, same.spatiotemporal.min()) == (1.0, 1.0, 1.0)


@given(arrays(np.uint8, (3, 8, 8, 3)), arrays(np.uint8, (3, 8, 8, 3)))
@settings(max_examples=30)
def test_scores_stay_within_0_and_100(a: np.ndarray, b: np.ndarray) -> None:
    one = sample(a, b, b)
    assert 0.0 <= score([one]) <= 100.0 and 0.0 <= verified_score([one]) <= 100.0


@given(st.integers(1, 4))
def test_repeating_a_sample_changes_no_score(times: int) -> None:
    one = Sample(terms(0.5, 0.3, 0.4, 0.02), terms(0.8, 0.6, 0.5, 0.01))
    assert score([one] * times) == score([one])
    assert verified_score([one] * times) == pytest.approx(verified_score([one]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 8, 8), np.uint8), "generated is uint8 .*give uint8 .T, H, W, 3"),
        (np.zeros((2, 8, 8, 3), np.float32), "generated is float32"),
        (np.zeros((0, 8, 8, 3), np.uint8), "generated has no frames"),
        (np.zeros((3, 8, 8, 3), np.uint8), "same shape"),
        (np.zeros((2, 2, 2, 3), np.uint8), "4 x 4 needed"),
    ],
)
def test_clips_that_do_not_fit_are_refused(wrong: np.ndarray, message: str) -> None:
    right = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(InputError, match=message):
        sample(wrong, right, right)


def test_no_samples_and_masks_of_numbers_are_refused() -> None:
    for scores in (score, verified_score):
        with pytest.raises(InputError, match="no samples"):
            scores([])
    with pytest.raises(InputError, match="give bool"):
        compare_masks(np.zeros((1, 2, 2)), np.zeros((1, 2, 2), bool), np.zeros(1, np.float32))


def test_two_empty_means_do_not_divide_by_nothing() -> None:
    assert weighted_spatial_iou(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool)) == 1.0


def test_an_episode_against_itself(episodes: list[Episode]) -> None:
    one, other = episodes[:2]
    values = named_values(one, one, one)
    assert values["physics_iq"] == 100.0
    assert values["physics_iq_verified"] == pytest.approx(100.0, abs=1e-6)
    assert values["physics_iq_mse"] == 0.0
    frozen = replace(one, frames=np.repeat(one.frames[:1], len(one.frames), axis=0))
    assert named_values(frozen, one, other)["physics_iq_spatial_iou"] < 1.0
    short = other.part(0, 3)
    with pytest.raises(InputError, match="same shape"):
        named_values(short, one, one)
