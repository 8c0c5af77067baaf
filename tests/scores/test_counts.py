"""Scores by hand, against loops over pixels and against smp's, and what must never change them."""

import math
from random import Random

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.record import IGNORE
from segpipe.scores.counts import CLASS_SCORES, SCORES, Confusion, class_scores, confusion, image_dice, mean, scores

Mask = NDArray[np.uint8]
Pair = tuple[Mask, Mask]


def mask(*rows: list[int]) -> Mask:
    return np.array(rows, np.uint8)


TRUTH = mask([0, 0, 1, 1], [0, 2, 2, IGNORE])
SEEN = mask([0, 1, 1, 1], [0, 2, 0, 2])
COUNTS = [[2, 1, 0], [0, 2, 0], [1, 0, 1]]


@st.composite
def images(draw: st.DrawFn, n_classes: int = 4) -> list[Pair]:
    """One to four images of random sizes, some of whose pixels are ignored and some of whose classes are missing."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    largest = draw(st.integers(1, n_classes))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        size = rng.integers(1, 8, 2)
        truth = rng.integers(0, largest, size).astype(np.uint8)
        truth[rng.random(size) < 0.2] = IGNORE
        found.append((truth, rng.integers(0, n_classes, size).astype(np.uint8)))
    return found


def all_confusions(pairs: list[Pair], n_classes: int = 4) -> list[Confusion]:
    return [confusion(truth, seen, n_classes) for truth, seen in pairs]


def counted(pairs: list[Pair], number: int) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of a class, pixel by pixel."""
    true_positive = false_positive = false_negative = 0
    for truth, seen in pairs:
        for t, s in zip(truth.ravel().tolist(), seen.ravel().tolist(), strict=True):
            if t != IGNORE:
                true_positive += t == number and s == number
                false_positive += t != number and s == number
                false_negative += t == number and s != number
    return true_positive, false_positive, false_negative


def by_definition(pairs: list[Pair], classes: range) -> dict[str, list[float]]:
    """Each class's scores where it occurs, straight from the definitions."""
    found: dict[str, list[float]] = {name: [] for name in CLASS_SCORES}
    for number in classes:
        tp, fp, fn = counted(pairs, number)
        if tp + fn:
            found["iou"].append(tp / (tp + fp + fn))
            found["dice"].append(2 * tp / (2 * tp + fp + fn))
            found["precision"].append(tp / (tp + fp) if tp + fp else 0.0)
            found["recall"].append(tp / (tp + fn))
    return found


def average(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def close(found: float | None, wanted: float | None) -> bool:
    return found == wanted if found is None or wanted is None else found == pytest.approx(wanted, abs=1e-12)


def test_counts_by_hand() -> None:
    counts = confusion(TRUTH, SEEN, 3)
    assert counts.tolist() == COUNTS
    assert counts.dtype == np.int64


def test_class_scores_by_hand() -> None:
    found = class_scores(np.array(COUNTS))
    assert found["iou"] == pytest.approx([2 / 4, 2 / 3, 1 / 2])
    assert found["dice"] == pytest.approx([4 / 6, 4 / 5, 2 / 3])
    assert found["precision"] == pytest.approx([2 / 3, 2 / 3, 1])
    assert found["recall"] == pytest.approx([2 / 3, 1, 1 / 2])


def test_scores_by_hand() -> None:
    found = scores([np.array(COUNTS)], has_background=True)
    assert tuple(found) == SCORES
    assert found["miou"] == pytest.approx((2 / 4 + 2 / 3 + 1 / 2) / 3)
    assert found["dice"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["pixel_accuracy"] == pytest.approx(5 / 7)
    assert found["precision"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["recall"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["dice_per_image"] == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_where_class_0_is_an_object_it_is_in_every_mean() -> None:
    found = scores([np.array(COUNTS)], has_background=False)
    assert found["dice"] == pytest.approx((4 / 6 + 4 / 5 + 2 / 3) / 3)
    assert found["precision"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["recall"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert found["dice_per_image"] == pytest.approx((4 / 6 + 4 / 5 + 2 / 3) / 3)


def test_an_absent_class_has_no_score_and_its_false_pixels_count_against_the_others() -> None:
    counts = np.array([[5, 0, 3], [0, 2, 0], [0, 0, 0]])
    found = class_scores(counts)
    assert [found[name][2] for name in CLASS_SCORES] == [None] * 4
    assert found["iou"][0] == pytest.approx(5 / 8)
    assert scores([counts], True)["miou"] == pytest.approx((5 / 8 + 1) / 2)
    assert scores([counts], True)["dice"] == 1


def test_a_class_that_was_never_seen_has_a_precision_of_0() -> None:
    assert class_scores(np.array([[5, 0], [2, 0]]))["precision"] == [5 / 7, 0.0]


def test_where_nothing_counts_there_is_no_score() -> None:
    nothing = confusion(np.full((2, 3), IGNORE, np.uint8), np.zeros((2, 3), np.uint8), 3)
    assert scores([nothing, nothing], True) == dict.fromkeys(SCORES)


def test_without_objects_only_the_background_is_scored() -> None:
    empty = np.array([[9, 0], [0, 0]])
    found = scores([empty], True)
    assert found == dict.fromkeys(SCORES) | {"miou": 1.0, "pixel_accuracy": 1.0}


def test_an_images_dice_is_of_what_is_in_it_or_was_seen_there() -> None:
    assert image_dice(np.array([[8, 1, 0], [1, 2, 0], [0, 0, 0]]), True) == pytest.approx(4 / 6)
    assert image_dice(np.array([[8, 1, 1], [1, 2, 0], [0, 0, 0]]), True) == pytest.approx(4 / 6)
    assert image_dice(np.array([[7, 3, 0], [0, 0, 0], [0, 0, 0]]), True) == 0
    assert image_dice(np.array([[10, 0, 0], [0, 0, 0], [0, 0, 0]]), True) is None
    assert image_dice(np.array([[10, 0, 0], [0, 0, 0], [0, 0, 0]]), False) == 1


def test_images_without_objects_are_left_out_of_dice_per_image() -> None:
    right, empty = np.array([[3, 0], [0, 4]]), np.array([[9, 0], [0, 0]])
    assert scores([right, empty, empty], True)["dice_per_image"] == 1


def test_the_mean_leaves_out_what_is_not_there() -> None:
    assert mean([1.0, None, 0.0]) == 0.5
    assert mean([None]) is None
    assert mean([]) is None


@settings(max_examples=60, deadline=None)
@given(images(), st.booleans())
def test_scores_are_what_loops_over_the_pixels_give(pairs: list[Pair], has_background: bool) -> None:
    found = scores(all_confusions(pairs), has_background)
    objects = by_definition(pairs, range(1 if has_background else 0, 4))
    pixels = [(t, s) for truth, seen in pairs for t, s in zip(truth.flat, seen.flat, strict=True) if t != IGNORE]
    assert close(found["miou"], average(by_definition(pairs, range(4))["iou"]))
    assert close(found["dice"], average(objects["dice"]))
    assert close(found["precision"], average(objects["precision"]))
    assert close(found["recall"], average(objects["recall"]))
    assert close(found["pixel_accuracy"], sum(t == s for t, s in pixels) / len(pixels) if pixels else None)


@settings(max_examples=40, deadline=None)
@given(images())
def test_a_classs_iou_is_smps(pairs: list[Pair]) -> None:
    truth, seen = (torch.from_numpy(np.concatenate([pair[part].ravel() for pair in pairs])).long() for part in (0, 1))
    stats = smp.metrics.get_stats(
        seen[None], truth.masked_fill(truth == IGNORE, -1)[None], mode="multiclass", num_classes=4, ignore_index=-1
    )
    theirs = smp.metrics.iou_score(*stats, reduction="none")[0].tolist()
    ours = class_scores(np.sum(all_confusions(pairs), axis=0))["iou"]
    assert all(found is None or found == pytest.approx(wanted, abs=1e-6) for found, wanted in zip(ours, theirs, strict=True))


def test_a_class_that_neither_has_is_1_in_smp_and_none_here() -> None:
    truth = torch.zeros(1, 6, dtype=torch.long)
    stats = smp.metrics.get_stats(truth, truth, mode="multiclass", num_classes=2)
    assert smp.metrics.iou_score(*stats, reduction="none")[0].tolist() == [1, 1]
    nothing = np.zeros((1, 6), np.uint8)
    assert class_scores(confusion(nothing, nothing, 2))["iou"] == [1.0, None]


@settings(max_examples=40, deadline=None)
@given(images(), st.integers(0, 3), st.booleans())
def test_ignored_pixels_change_nothing(pairs: list[Pair], other: int, has_background: bool) -> None:
    changed = [(truth, np.where(truth == IGNORE, other, seen).astype(np.uint8)) for truth, seen in pairs]
    assert scores(all_confusions(pairs), has_background) == scores(all_confusions(changed), has_background)


@settings(max_examples=40, deadline=None)
@given(images(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_images_does_not_matter(pairs: list[Pair], random: Random, has_background: bool) -> None:
    turned = list(pairs)
    random.shuffle(turned)
    before, after = (scores(all_confusions(each), has_background) for each in (pairs, turned))
    assert all(close(before[name], after[name]) for name in SCORES)
    assert {name: before[name] for name in SCORES[:5]} == {name: after[name] for name in SCORES[:5]}


@settings(max_examples=40, deadline=None)
@given(images())
def test_counts_of_a_set_are_those_of_its_images_side_by_side(pairs: list[Pair]) -> None:
    truth, seen = (np.concatenate([pair[part].ravel() for pair in pairs]) for part in (0, 1))
    assert np.array_equal(confusion(truth, seen, 4), np.sum(all_confusions(pairs), axis=0))


@settings(max_examples=40, deadline=None)
@given(images(), st.permutations(range(1, 4)))
def test_names_of_classes_do_not_matter(pairs: list[Pair], order: list[int]) -> None:
    new = np.full(256, IGNORE, np.uint8)
    new[[0, *order]] = np.arange(4)
    before, after = scores(all_confusions(pairs), True), scores(all_confusions([(new[t], new[s]) for t, s in pairs]), True)
    assert all(close(before[name], after[name]) for name in SCORES)


def test_255_classes_do_not_overflow() -> None:
    truth = np.arange(255, dtype=np.uint8).reshape(5, 51)
    counts = confusion(truth, truth, 255)
    assert np.array_equal(counts, np.eye(255, dtype=np.int64))
    assert scores([counts], True)["miou"] == 1


def one_by_one(truth: Mask, seen: Mask, n_classes: int) -> list[list[int]]:
    """The counts, a pixel at a time."""
    counts = [[0] * n_classes for _ in range(n_classes)]
    for true, predicted in zip(truth.ravel().tolist(), seen.ravel().tolist(), strict=True):
        if true != IGNORE:
            counts[true][predicted] += 1
    return counts


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 3, 21, 255]), st.integers(0, 9), st.integers(0, 9))
def test_counts_are_those_of_a_loop_over_the_pixels(seed: int, n_classes: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    truth, seen = rng.integers(0, n_classes, (2, 2 * height, width), dtype=np.uint8)
    truth[rng.random(truth.shape) < rng.choice([0, 0.3, 1])] = IGNORE
    # Every second row: a view, as of a tile.
    assert confusion(truth[::2], seen[::2], n_classes).tolist() == one_by_one(truth[::2], seen[::2], n_classes)


def test_counts_that_float32_does_not_hold_are_exact() -> None:
    # An odd number above 2^24.
    truth = np.zeros(((1 << 12) + 1, (1 << 12) + 1), np.uint8)
    assert confusion(truth, truth, 2).tolist() == [[truth.size, 0], [0, 0]]


@pytest.mark.parametrize("n_classes", [1, 3, 254])
def test_an_id_that_is_no_class_is_refused(n_classes: int) -> None:
    right, wrong = mask([0, 0]), mask([0, n_classes])
    with pytest.raises(ValueError, match=f"a true class id is {n_classes} or more"):
        confusion(wrong, right, n_classes)
    with pytest.raises(ValueError, match=f"a predicted class id is {n_classes}, and"):
        confusion(right, wrong, n_classes)
