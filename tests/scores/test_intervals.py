"""Intervals by hand and against the scores themselves, how often they cover the truth, and what must not change them."""

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.scores.counts import (
    CLASS_SCORES,
    OTHER_MEANS,
    SCORES,
    Confusion,
    class_scores,
    image_dice,
    mean,
    other_means,
    scores,
)
from segpipe.scores.intervals import (
    FEW,
    Interval,
    Pixels,
    class_intervals,
    few_images,
    format_score,
    interval,
    intervals,
    mean_interval,
    score_intervals,
    t_quantile,
)

Counts = NDArray[np.int64]
NAMES = ("miou", "dice", "precision", "recall", "pixel_accuracy")


def results(n_images: int, n_classes: int = 3, seed: int = 0) -> Counts:
    """Images of which each lacks some classes; most pixels are right."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 40, (n_images, n_classes, n_classes)) + 300 * np.eye(n_classes, dtype=np.int64)
    found[rng.random((n_images, n_classes)) < 0.3] = 0
    return found


def close(found: Interval, wanted: Interval) -> bool:
    numbers = [(each.low, each.high, each.effective_n) for each in (found, wanted)]
    return numbers[0] == pytest.approx(numbers[1], abs=1e-12) and found.n_units == wanted.n_units


def binary(*right_and_wrong: tuple[int, int]) -> Counts:
    """Images of one class of objects: so many true pixels found, so many missed."""
    return np.array([[[9, 0], [wrong, right]] for right, wrong in right_and_wrong], np.int64)


# Values


def test_a_mean_by_hand() -> None:
    values = [0.8, 0.9, 0.7, 0.95]
    mean = 0.8375
    # The jackknife's error of a mean is the usual one, and Student's t of 3 degrees is 3.182446.
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / (4 * 3))
    margin = 3.182446 * error / (mean * (1 - mean))
    at = math.log(mean / (1 - mean))
    found = mean_interval(values)
    assert found.low == pytest.approx(1 / (1 + math.exp(-(at - margin))), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + math.exp(-(at + margin))), abs=1e-6)
    assert (found.effective_n, found.n_units, found.unit) == (4, 4, "images")


def test_a_recall_by_hand() -> None:
    """Recall 160 / 200, and 0.7, 0.8, 0.85 without each image, of which the weights are 100, 50 and 50 pixels."""
    found = class_intervals(Pixels.of(binary((90, 10), (40, 10), (30, 20))))["recall"][1]
    left_out = [70 / 100, 120 / 150, 130 / 150]
    assert found.effective_n == pytest.approx(200**2 / (100**2 + 50**2 + 50**2))
    error = math.sqrt(2 / 3 * sum((value - 0.8) ** 2 for value in left_out))
    margin = t_quantile(np.array([found.effective_n - 1]))[0] * error / (0.8 * 0.2)
    assert found.low == pytest.approx(1 / (1 + math.exp(-(math.log(4) - margin))))
    assert found.high == pytest.approx(1 / (1 + math.exp(-(math.log(4) + margin))))


def test_a_mean_of_distances_has_no_upper_end() -> None:
    found = mean_interval([2.0, 5.0, 3.0, 4.0], top=math.inf)
    assert found.low is not None and found.high is not None
    assert found.low * found.high == pytest.approx(3.5**2)
    assert found.low < 2.5 and found.high > 4.5


def test_quantiles_of_student() -> None:
    """Printed in tables, and in closed form: tan(0.95 pi / 2) at 1, and sqrt(2 a) / sqrt(1 - a) of a = 0.95^2 at 2."""
    found = t_quantile(np.array([1, 2, 3, 5, 10, 30, 120, 1e9]))
    closed = [math.tan(0.95 * math.pi / 2), math.sqrt(2 * 0.95**2 / (1 - 0.95**2))]
    assert found == pytest.approx([*closed, 3.182446, 2.570582, 2.228139, 2.042272, 1.979930, 1.959964], abs=1e-5)
    between = t_quantile(np.linspace(1, 3, 50))
    assert (np.diff(between) < 0).all()


# The scores are those of scores.counts


@pytest.mark.parametrize("has_background", [True, False])
def test_each_score_is_the_one_that_is_reported(has_background: bool) -> None:
    """All at once agrees with one at a time, through `scores` themselves."""
    counts = results(9)
    found = score_intervals(Pixels.of(counts), has_background)
    assert set(found) == {*SCORES, *(OTHER_MEANS if has_background else ())}
    for name in OTHER_MEANS if has_background else ():
        assert same_error(found[name], interval(counts, lambda total, name=name: other_means(total)[name])), name
    for name in NAMES:
        alone = interval(counts, lambda total, name=name: scores([total], has_background)[name])
        assert same_error(found[name], alone), name
    assert close(found["dice_per_image"], mean_interval([image_dice(each, has_background) for each in counts]))


def test_each_score_of_a_class_is_the_one_that_is_reported() -> None:
    counts = results(9)
    found = class_intervals(Pixels.of(counts))
    assert set(found) == set(CLASS_SCORES)
    for name in CLASS_SCORES:
        for number in range(3):
            alone = interval(counts, lambda total, name=name, number=number: class_scores(total)[name][number])
            assert same_error(found[name][number], alone), (name, number)


def test_with_its_weights_a_score_of_ones_own_is_treated_alike() -> None:
    counts = results(9)
    for groups in (None, ["a", "a", "b", "c", "c", "", "", "d", "e"]):
        weights = counts.sum(axis=1) + counts.sum(axis=2)
        own = intervals(counts, lambda total: class_scores(total)["dice"], groups, weights)
        assert all(close(a, b) for a, b in zip(own, class_intervals(Pixels.of(counts), groups)["dice"], strict=True))
        right, pixels = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
        accuracy = interval(np.stack([right, pixels], axis=1), lambda total: total[0] / total[1], groups, pixels)
        assert close(accuracy, score_intervals(Pixels.of(counts), True, groups)["pixel_accuracy"])


def same_error(found: Interval, alone: Interval) -> bool:
    """`interval` knows no weights: the same score and error, but other degrees of freedom and number of images."""
    logits = [[math.log(bound / (1 - bound)) for bound in (each.low, each.high)] for each in (found, alone)]
    middles = [(low + high) / 2 for low, high in logits]
    errors = [
        (high - low) / t_quantile(np.array([max(each.effective_n - 1, 1)]))[0] / math.sqrt((each.n_units - 1) / each.n_units)
        for (low, high), each in zip(logits, (found, alone), strict=True)
    ]
    return middles[0] == pytest.approx(middles[1]) and errors[0] == pytest.approx(errors[1])


def test_means_over_folds() -> None:
    """Two models on the same images, and each on images of its own, against `scores` of each fold."""

    def mean_of_folds(total: Counts) -> list[float | None]:
        folds = [scores([each], True) for each in total]
        return [mean(fold[name] for fold in folds) for name in NAMES]

    names = ["a", "a", "b", "c", "c", "", "", "d", "e", "f"]
    same = np.stack([results(10), results(10, seed=1)], axis=1)
    own = np.where(np.arange(10)[:, None, None, None] % 2 == np.arange(2)[:, None, None], same, 0)
    for counts in (same, own):
        for groups in (None, names):
            found = score_intervals(Pixels.of(counts), True, groups)
            alone = intervals(counts, mean_of_folds, groups)
            assert all(same_error(found[name], each) for name, each in zip(NAMES, alone, strict=True))
            # A mean over images: that of the fold's values, where an image has one.
            values = np.array([[math.nan if (v := image_dice(f, True)) is None else v for f in image] for image in counts])
            there = ~np.isnan(values)
            parts = np.stack([np.where(there, values, 0), there], axis=1)
            dice = interval(parts, lambda total: mean(a / b for a, b in zip(*total, strict=True)), groups)
            assert same_error(found["dice_per_image"], dice)


def test_one_fold_is_no_mean_over_folds() -> None:
    assert score_intervals(Pixels.of(results(9)[:, None]), True) == score_intervals(Pixels.of(results(9)), True)


# What must not change them


@pytest.mark.parametrize("seed", range(3))
def test_order_and_scale_change_nothing(seed: int) -> None:
    counts, groups = results(12, seed=seed), [f"patient {number // 3}" for number in range(12)]
    order = np.random.default_rng(seed).permutation(12)
    for names, others in ((None, None), (groups, [groups[at] for at in order])):
        first = class_intervals(Pixels.of(counts), names) | {
            name: [each] for name, each in score_intervals(Pixels.of(counts), True, names).items()
        }
        for changed, labels in ((counts[order], others), (7 * counts, names)):
            again = class_intervals(Pixels.of(changed), labels) | {
                n: [each] for n, each in score_intervals(Pixels.of(changed), True, labels).items()
            }
            assert all(close(a, b) for name in first for a, b in zip(first[name], again[name], strict=True))


def test_groups_of_one_image_each_are_no_groups() -> None:
    counts = results(8)
    names = [f"patient {number}" for number in range(8)]
    assert score_intervals(Pixels.of(counts), True, names) == score_intervals(Pixels.of(counts), True)
    assert class_intervals(Pixels.of(counts), [""] * 8) == class_intervals(Pixels.of(counts))


def test_images_of_a_group_say_little_more_than_one_of_them() -> None:
    counts = results(6)
    once = class_intervals(Pixels.of(counts))["dice"][1]
    again = class_intervals(Pixels.of(np.repeat(counts, 4, axis=0)), [f"patient {number // 4}" for number in range(24)])["dice"][
        1
    ]
    assert close(once, again) and again.unit == "groups"
    alone = class_intervals(Pixels.of(np.repeat(counts, 4, axis=0)))["dice"][1]
    assert once.low is not None and alone.low is not None and alone.low > once.low


def test_images_without_the_class_change_nothing_of_it() -> None:
    counts = binary((90, 10), (40, 10), (30, 20))
    empty = np.array([[[50, 0], [0, 0]]] * 5, np.int64)
    assert class_intervals(Pixels.of(np.concatenate([counts, empty])))["dice"][1] == class_intervals(Pixels.of(counts))["dice"][1]


def test_images_of_unlike_sizes_count_as_fewer() -> None:
    found = class_intervals(Pixels.of(binary((9000, 1000), (9, 1), (8, 2), (7, 3))))["dice"][1]
    assert found.n_units == 4
    assert found.effective_n == pytest.approx(1, abs=0.01)


# Nothing to say, and all alike


def test_nothing_is_said_of_a_single_image() -> None:
    for found in (*score_intervals(Pixels.of(results(1)), True).values(), mean_interval([0.5]), mean_interval([0.5, None])):
        assert (found.low, found.high) == (None, None)
        assert found.reason


def test_nothing_is_said_of_a_class_in_a_single_image_however_often_it_is_wrongly_seen() -> None:
    counts = binary((90, 10), (0, 0), (0, 0))
    counts[1:, 0, 1] = 7
    found = class_intervals(Pixels.of(counts))["dice"][1]
    assert (found.low, found.high, found.n_units) == (None, None, 3)
    assert found.reason == "it rests on a single image"


def test_nothing_is_said_where_there_is_no_score() -> None:
    nothing = np.zeros((4, 2, 2), np.int64)
    for found in (
        *score_intervals(Pixels.of(nothing), True).values(),
        *class_intervals(Pixels.of(nothing))["iou"],
        mean_interval([None, None]),
    ):
        assert (found.low, found.high, found.reason) == (None, None, "there is no score")
    assert mean_interval([]).reason == "there is no score"
    assert {each.reason for each in score_intervals(Pixels.of(nothing[:0]), True).values()} == {"there is no score"}


def test_two_images_are_hardly_anything() -> None:
    found = mean_interval([0.6, 0.9])
    assert found.low is not None and found.high is not None
    assert found.low < 0.1 and found.high > 0.95


def test_perfect_images_leave_room_for_what_was_not_seen() -> None:
    """Twenty of twenty: the exact one-sided bound of a proportion, of which the rule of three is the short form."""
    found = mean_interval([1.0] * 20)
    assert found.high == 1
    assert found.low == pytest.approx(0.05 ** (1 / 20))
    assert found.low == pytest.approx(1 - 3 / 20, abs=0.012)
    assert mean_interval([0.0] * 20).high == pytest.approx(3 / 20, abs=0.012)
    assert mean_interval([0.0] * 20).low == 0
    assert mean_interval([3.0] * 20, top=math.inf).reason == "all images have the same value"


def test_one_failure_among_perfect_images() -> None:
    """Without the one image the score is 1, of which there is no logit."""
    found = mean_interval([0.0, *[1.0] * 19])
    assert found.low is not None and found.high is not None
    # Clopper and Pearson's exact bounds of 19 in 20 are 0.751 and 0.9987.
    assert 0.6 < found.low < 0.8 and 0.98 < found.high < 1


def test_a_class_that_was_never_predicted() -> None:
    found = class_intervals(Pixels.of(binary(*[(0, 10)] * 5)))
    for name in CLASS_SCORES:
        assert (found[name][1].low, found[name][1].n_units) == (0, 5)
        assert found[name][1].high == pytest.approx(1 - 0.05 ** (1 / 5))


@pytest.mark.parametrize("seed", range(20))
def test_bounds_are_numbers_around_the_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = results(int(rng.integers(1, 6)), seed=seed) // int(10 ** rng.integers(0, 3))
    totals = class_scores(counts.sum(axis=0)) | {name: [value] for name, value in scores(list(counts), True).items()}
    found = class_intervals(Pixels.of(counts)) | {name: [each] for name, each in score_intervals(Pixels.of(counts), True).items()}
    for name, values in totals.items():
        for value, each in zip(values, found[name], strict=True):
            assert (each.low is None) == (each.high is None) == bool(each.reason)
            if each.low is not None and each.high is not None:
                assert value is not None and 0 <= each.low <= value + 1e-12 <= each.high + 2e-12 <= 1 + 2e-12
                assert each.effective_n <= each.n_units + 1e-9


def test_errors_that_cancel_out() -> None:
    """A calibration error is 0 over all images, and of none of them."""
    counts = np.array([[30, 10], [10, 30], [25, 15], [15, 25]])
    found = interval(counts, lambda total: float(abs(total[0] - total[1]) / total.sum()))
    assert found.low == 0
    assert found.high is not None and 0.1 < found.high <= 1


def test_no_bound_is_infinite() -> None:
    nearly = mean_interval([1.0, 1.0, 1 - 1e-9], top=1.0)
    assert nearly.high == pytest.approx(1) and nearly.low is not None and nearly.low < 1
    far = mean_interval([1e-9, 1e9], top=math.inf)
    assert far.high is not None and math.isfinite(far.high)
    # Without the one failure the score is within rounding of 1.
    tiny = mean_interval([1.0] * 3 + [1 - 1e-11])
    assert tiny.high is not None and not math.isnan(tiny.high)


def test_a_name_of_a_group_is_missing() -> None:
    with pytest.raises(ValueError, match="2 names of groups for 3 images"):
        score_intervals(Pixels.of(results(3)), True, ["a", "b"])


# Coverage and speed


@pytest.mark.parametrize(("n_images", "least"), [(20, 0.85), (50, 0.85), (100, 0.92)])
def test_the_truth_is_covered(n_images: int, least: float) -> None:
    """Images of alike sizes and a skewed Dice. bench/intervals.py measures more kinds, and what else is usual."""

    def draw(n: int, rng: np.random.Generator) -> Counts:
        dice, true = rng.beta(6, 1.5, n), 10_000 * np.exp(rng.normal(0, 0.15, n))
        hits = np.rint(dice * true)
        return np.stack([np.full((n, 2), 9), np.stack([true - hits, hits], axis=1)], axis=1).astype(np.int64)

    truth = class_scores(draw(400_000, np.random.default_rng(1)).sum(axis=0))["dice"][1]
    rng = np.random.default_rng(n_images)
    found = [class_intervals(Pixels.of(draw(n_images, rng)))["dice"][1] for _ in range(500)]
    assert truth is not None
    covered = [each.low <= truth <= each.high for each in found if each.low is not None and each.high is not None]
    assert len(covered) == 500
    # Never all of them either: an interval of everything covers as well.
    assert least <= np.mean(covered) < 0.985


def test_twenty_thousand_images_of_21_classes_take_no_time() -> None:
    counts = np.random.default_rng(0).integers(0, 50, (20_000, 21, 21))
    # CPU time of the process: others may be using the machine.
    start = time.process_time()
    found = score_intervals(Pixels.of(counts), True), class_intervals(Pixels.of(counts))
    assert time.process_time() - start < 4
    assert found[0]["miou"].n_units == 20_000


# In words


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.91312, 0.8812, 0.9403, "0.913 (0.88 .. 0.94)"),
        (0.91312, 0.9108, 0.9153, "0.9131 (0.911 .. 0.915)"),
        (0.5, 0.02, 0.98, "0.500 (0.02 .. 0.98)"),
        (1.0, 1.0, 1.0, "1.00000 (1.0000 .. 1.0000)"),
    ],
)
def test_a_score_in_words(value: float, low: float, high: float, text: str) -> None:
    assert format_score(value, Interval(low, high, 40, 40)) == text


def test_a_score_without_an_interval_in_words() -> None:
    assert format_score(0.5, mean_interval([0.5])) == "0.500 (no interval: it rests on a single image)"
    assert format_score(None, mean_interval([])) == "no score"


def test_few_images_are_said_to_be_few() -> None:
    said = few_images(Interval(0.4, 0.9, 7.4, 12))
    assert said is not None
    assert said.startswith("12 images count as many as 7.4 of alike size: ") and "46 %" in said
    assert (few_images(Interval(0.4, 0.9, 5, 5, "groups")) or "").startswith("5 groups: ")
    assert (few_images(mean_interval([0.5])) or "").startswith("1 image: ")
    assert few_images(Interval(0.8, 0.9, FEW, 40)) is None
    assert few_images(mean_interval([])) is None


def test_counts_are_not_changed() -> None:
    counts: Confusion = results(4)
    before = counts.copy()
    score_intervals(Pixels.of(counts), True, ["a", "a", "b", "b"])
    class_intervals(Pixels.of(counts), ["a", "a", "b", "b"])
    assert (counts == before).all()
