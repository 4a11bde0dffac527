"""PISA's distances, as coded and corrected, against cases worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from worldsim.episode import Episode
from worldsim.errors import InputError
from worldsim.eval.reference.pisa import (
    centroids_px,
    chamfer_as_coded,
    chamfer_corrected,
    iou,
    l2_as_coded,
    l2_corrected,
    l2_euclidean,
    matching_frames,
    named_values,
)

ROOT_2 = np.sqrt(2.0)
MASKS = arrays(np.bool_, (3, 4, 5))
DISTANCES = (l2_as_coded, l2_euclidean, l2_corrected, chamfer_as_coded, chamfer_corrected)


def dots(*places: tuple[int, int] | None, height: int = 10, width: int = 12) -> np.ndarray:
    """One frame a place (x, y) with a single pixel set; an empty one for None."""
    masks = np.zeros((len(places), height, width), bool)
    for mask, place in zip(masks, places, strict=True):
        if place is not None:
            mask[place[1], place[0]] = True
    return masks


def test_centroids_are_mean_indices() -> None:
    masks = dots((2, 7), None)
    masks[0, 7, 5] = True
    found = centroids_px(masks)
    assert found[0].tolist() == [3.5, 7.0] and np.isnan(found[1]).all()


def test_the_l2_is_a_mean_of_absolute_coordinates() -> None:
    # Offset (3, 4), H = 10: as coded (3 + 4) / 2 = 3.5 px; Euclid says 5 px. Over sqrt(2) * 10.
    made, true = dots((3, 4)), dots((0, 0))
    assert l2_as_coded(made, true) == pytest.approx(3.5 / (10 * ROOT_2))
    assert l2_euclidean(made, true) == pytest.approx(5.0 / (10 * ROOT_2))
    assert l2_corrected(made, true) == pytest.approx(5.0 / (10 * ROOT_2))


def test_the_height_alone_is_the_scale() -> None:
    wide = [dots(place, height=10, width=40) for place in ((9, 4), (2, 4))]
    narrow = [dots(place, height=10, width=12) for place in ((9, 4), (2, 4))]
    assert l2_as_coded(*wide) == l2_as_coded(*narrow) == pytest.approx(3.5 / (10 * ROOT_2))


def test_a_ball_that_vanishes_is_perfect_as_coded_and_scored_when_corrected() -> None:
    # Gone in 2 of 4 frames: as coded those are left out; corrected (0 + 0 + 1 + 1) / 4.
    true = dots((1, 1), (2, 1), (3, 1), (4, 1))
    gone = true.copy()
    gone[2:] = False
    assert l2_as_coded(gone, true) == l2_euclidean(gone, true) == 0.0
    assert chamfer_as_coded(gone, true) == 0.0
    assert l2_corrected(gone, true) == 0.5
    assert chamfer_corrected(gone, true) == 1.0  # 2 a lost frame, both directions
    assert iou(gone, true) == 0.5


def test_a_ball_that_is_never_there_has_no_number_as_coded() -> None:
    none, true = dots(None, None), dots((1, 1), (2, 1))
    assert np.isnan(l2_as_coded(none, true)) and np.isnan(chamfer_as_coded(none, true))
    assert l2_corrected(none, true) == 1.0 and chamfer_corrected(none, true) == 2.0


def test_absent_in_both_is_agreement() -> None:
    none = dots(None, None)
    assert iou(none, none) == 1.0
    assert l2_corrected(none, none) == chamfer_corrected(none, none) == 0.0
    assert np.isnan(l2_as_coded(none, none))


def test_the_chamfer_distance_sums_both_directions() -> None:
    # made {(0,0), (4,0)}, true {(0,0)}: made to true (0 + 4) / 2 = 2, true to made 0. H = 10.
    # The other way round the same sum. A second frame 3 px apart: 3 + 3 = 6. Mean (2 + 6) / 2.
    made, true = dots((0, 0), (5, 5)), dots((0, 0), (5, 8))
    made[0, 0, 4] = True
    assert chamfer_as_coded(made, true) == pytest.approx(4.0 / (10 * ROOT_2))
    assert chamfer_as_coded(true, made) == pytest.approx(4.0 / (10 * ROOT_2))


def test_the_overlap_is_averaged_over_frames() -> None:
    # Frame 0: 1 of 2 pixels; frame 1: both empty, 1. Mean 0.75.
    made, true = dots((1, 1), None), dots((1, 1), None)
    made[0, 2, 2] = True
    assert iou(made, true) == 0.75


def test_real_frames_are_taken_by_whole_steps_of_the_rates() -> None:
    # 120 Hz against 24: every fifth; against 50: 0, 2.4, 4.8, 7.2 cut to whole frames.
    assert matching_frames(3, 24.0, 100, 120.0) == [0, 5, 10]
    assert matching_frames(4, 50.0, 100, 120.0) == [0, 2, 4, 7]
    assert matching_frames(4, 24.0, 6, 120.0) == [0, 5]
    with pytest.raises(InputError, match="both above 0"):
        matching_frames(4, 0.0, 6, 120.0)


def checked(frames: int, shift: int) -> np.ndarray:
    """Masks from whole-number arithmetic: the same anywhere."""
    t, y, x = np.ogrid[:frames, :9, :11]
    found: np.ndarray = (x * x + 3 * y + 5 * t + shift) % 7 < 3
    return found & (t != 2 + shift)


GOLDEN = {"l2": 0.0023155032355927974, "chamfer": 0.053726883413782005, "iou": 0.30043997140185885}


def test_figures_of_the_authors_formulas() -> None:
    # From the authors' functions retyped beside this repository. Frame 2 or 3 is empty.
    made, true = checked(5, 1), checked(5, 0)
    assert l2_as_coded(made, true) == pytest.approx(GOLDEN["l2"], abs=1e-12)
    assert chamfer_as_coded(made, true) == pytest.approx(GOLDEN["chamfer"], abs=1e-12)
    assert iou(made, true) == pytest.approx(GOLDEN["iou"], abs=1e-12)


@given(MASKS, MASKS)
def test_all_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    assert iou(a, b) == iou(b, a) and 0.0 <= iou(a, b) <= 1.0
    for distance in DISTANCES:
        there, back = distance(a, b), distance(b, a)
        assert there == pytest.approx(back, nan_ok=True) and not there < 0.0
    euclidean, coded = l2_euclidean(a, b), l2_as_coded(a, b)
    # A length lies between the mean of its two parts times sqrt(2) and times 2.
    if not np.isnan(coded):
        assert coded * ROOT_2 - 1e-12 <= euclidean <= 2.0 * coded + 1e-12


@given(MASKS)
def test_a_clip_is_at_no_distance_from_itself(a: np.ndarray) -> None:
    assert iou(a, a) == 1.0 and l2_corrected(a, a) == chamfer_corrected(a, a) == 0.0
    assert l2_as_coded(a, a) == 0.0 or not a.any()


@pytest.mark.parametrize("measure", [*DISTANCES, iou])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 4, 4), np.uint8), "generated is uint8 .*give bool"),
        (np.full((2, 4, 4), np.nan), "generated is float64"),
        (np.zeros((4, 4), bool), "give bool .T, H, W"),
        (np.zeros((0, 4, 4), bool), "no frames"),
        (np.zeros((3, 4, 4), bool), "same shape"),
    ],
)
def test_masks_that_do_not_fit_are_refused(
    measure: Callable[..., float], wrong: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure(wrong, np.zeros((2, 4, 4), bool))


def test_episodes_are_compared_body_by_body(episodes: list[Episode]) -> None:
    one = episodes[0]
    same = named_values(one, one)
    assert same["pisa_iou"] == 1.0 and same["pisa_l2_as_coded"] == same["pisa_l2_corrected"] == 0.0
    assert one.segmentation is not None
    labels = one.segmentation.copy()
    labels[len(labels) // 2 :] = 0  # every body gone
    gone = named_values(replace(one, segmentation=labels), one)
    assert gone["pisa_l2_as_coded"] == gone["pisa_chamfer_as_coded"] == 0.0
    assert gone["pisa_l2_corrected"] > 0.3 and gone["pisa_iou"] < 0.7
    name = one.scene.bodies[one.scene.moving[0]].name
    assert named_values(one, one, (name,))["pisa_iou"] == 1.0
    with pytest.raises(InputError, match="generated has no segmentation"):
        named_values(replace(one, segmentation=None), one)
    with pytest.raises(InputError):
        named_values(one, one, ("nobody",))
