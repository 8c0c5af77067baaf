"""The difference of two models by hand, against the paired t-test, and what must not change it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from segpipe.scores.counts import OTHER_MEANS, SCORES
from segpipe.scores.intervals import Pixels, jackknives
from segpipe.scores.paired import Difference, difference, format_better, format_difference
from segpipe.scores.student import quantile
from tests.scores.made_runs import counted, images, of_recalls, runs, take


def numbers(found: Difference) -> list[float | None]:
    return [found.value, found.low, found.high, found.p, found.better, found.effective_n]


def test_of_a_mean_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    a, b = (np.round(each, 4) for each in rng.uniform(0.3, 0.9, (2, 12)))
    found = difference(of_recalls(a), of_recalls(b), "recall", True)
    wanted = stats.ttest_rel(b, a)
    bounds = wanted.confidence_interval()
    assert numbers(found)[:4] == pytest.approx([(b - a).mean(), bounds.low, bounds.high, wanted.pvalue])
    assert found.better == pytest.approx(1 - stats.ttest_rel(b, a, alternative="greater").pvalue)
    assert (found.n_units, found.effective_n, found.unit, found.reason) == (12, pytest.approx(12), "images", "")


def test_a_pooled_recall_by_hand() -> None:
    """90, 40, 30 and then 80, 50, 40 right of 100, 50 and 50 true pixels: 0.80 and 0.85."""

    def pixels(*right: int) -> Pixels:
        true = np.array([[9, 100], [9, 50], [9, 50]])
        hits = np.array([[9, each] for each in right])
        return Pixels(hits, true, hits + [[0, 0]] * 3)

    found = difference(pixels(90, 40, 30), pixels(80, 50, 40), "recall", True)
    moves = [(90 - 70) / 100 - 0.05, (120 - 120) / 150 - 0.05, (130 - 130) / 150 - 0.05]
    error = math.sqrt(2 / 3 * sum(each**2 for each in moves))
    kish = 200**2 / (100**2 + 50**2 + 50**2)
    margin = quantile(0.975, kish - 1) * error
    assert numbers(found)[:3] == pytest.approx([0.05, 0.05 - margin, 0.05 + margin])
    assert found.effective_n == pytest.approx(kish)


@pytest.mark.parametrize("score", [*SCORES, *OTHER_MEANS])
def test_each_score_is_the_difference_of_the_two_and_turns_its_sign(score: str) -> None:
    rng = np.random.default_rng(1)
    a = counted(rng, 10)
    b = counted(rng, 10, a.true)
    for groups in (None, [f"patient {number // 2}" for number in range(10)]):
        found = difference(a, b, score, True, groups)
        wholes = [jackknives(each, [score], True)[score].whole for each in (a, b)]
        assert found.value == pytest.approx(wholes[1] - wholes[0])
        turned = difference(b, a, score, True, groups)
        assert None not in numbers(found) and turned.value == -(found.value or 0)
        assert (turned.low, turned.high) == pytest.approx((-(found.high or 0), -(found.low or 0)))
        assert (turned.p, turned.better) == pytest.approx((found.p, 1 - (found.better or 0)))


def test_order_scale_and_groups_of_one_change_nothing() -> None:
    rng = np.random.default_rng(2)
    a = counted(rng, 10)
    b = counted(rng, 10, a.true)
    first, order = difference(a, b, "dice", True), rng.permutation(10)
    assert numbers(difference(take(a, order), take(b, order), "dice", True)) == pytest.approx(numbers(first))
    larger = [Pixels(7 * each.hits, 7 * each.true, 7 * each.seen) for each in (a, b)]
    assert numbers(difference(*larger, "dice", True)) == pytest.approx(numbers(first))
    assert difference(a, b, "dice", True, [f"patient {number}" for number in range(10)]) == first


def test_copies_in_a_group_say_no_more() -> None:
    rng = np.random.default_rng(3)
    a = counted(rng, 6)
    b = counted(rng, 6, a.true)
    four = np.repeat(np.arange(6), 4)
    grouped = difference(take(a, four), take(b, four), "miou", True, [str(each) for each in four])
    assert numbers(grouped) == pytest.approx(numbers(difference(a, b, "miou", True))) and grouped.unit == "groups"


def test_folds_are_means_over_folds() -> None:
    """The same fold twice is that fold; a fold that was not asked about an image has no pixel of it."""
    rng = np.random.default_rng(4)
    a = counted(rng, 8)
    b = counted(rng, 8, a.true)
    twice = [Pixels(*(np.stack([x, x], axis=1) for x in (each.hits, each.true, each.seen))) for each in (a, b)]
    assert numbers(difference(*twice, "dice", True)) == pytest.approx(numbers(difference(a, b, "dice", True)))
    asked = (np.arange(8)[:, None] % 2 == np.arange(2))[:, :, None]
    own = [Pixels(each.hits * asked, each.true * asked, each.seen * asked) for each in twice]
    halves = [difference(*(take(each, np.arange(fold, 8, 2)) for each in (a, b)), "dice", True).value for fold in (0, 1)]
    found = difference(*own, "dice", True)
    assert found.value == pytest.approx(np.mean([each for each in halves if each is not None])) and found.n_units == 8


# Nothing to say


def test_a_model_does_not_differ_from_itself() -> None:
    a = counted(np.random.default_rng(5), 10)
    found = difference(a, a, "dice", True)
    assert (found.value, found.low, found.high, found.p, found.better) == (0, None, None, None, None)
    assert found.reason == "both give the same on all images"


def test_no_bounds_without_spread_images_or_scores() -> None:
    even = difference(of_recalls(np.full(5, 0.5)), of_recalls(np.full(5, 0.6)), "recall", True)
    assert even.value == pytest.approx(0.1) and even.p is None and even.reason == "all images differ alike"
    single = difference(of_recalls(np.array([0.5])), of_recalls(np.array([0.6])), "recall", True)
    assert single.value == pytest.approx(0.1) and single.p is None and single.reason == "it rests on a single image"
    nothing = Pixels(*(np.zeros((4, 2), np.int64) for _ in range(3)))
    assert numbers(difference(nothing, nothing, "dice", True))[:5] == [None] * 5
    assert difference(nothing, nothing, "dice", True).reason == "there is no score"


def test_other_images_are_refused() -> None:
    a = counted(np.random.default_rng(6), 4)
    with pytest.raises(ValueError, match="3 images of 3 classes, 4 images of 3 classes"):
        difference(a, take(a, np.arange(3)), "dice", True)
    with pytest.raises(ValueError, match="1 of 4 have other true pixels"):
        difference(a, replace(a, true=a.true + np.diag([1, 0, 0, 0])[:, :3]), "dice", True)


# How often it is right


def test_the_difference_is_covered() -> None:
    """Two models, both of which are better on some images: of 400 sets of 15 images, with a true difference of 0.03."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(400):
        hard = images(rng, 15)
        (a,), (b,) = (runs(rng, hard, 1, 0, 0.05, gain) for gain in (0.0, 0.03))
        found.append(difference(a, b, "recall", True))
    covered = [each.low <= 0.03 <= each.high for each in found if each.low is not None and each.high is not None]
    assert len(covered) == 400 and 0.92 <= np.mean(covered) <= 0.98


def test_in_words() -> None:
    assert format_difference(Difference(0.01349, 0.0042, 0.0221, 0.01, 0.99, 9, 9)) == "+0.013 (+0.004 .. +0.022)"
    assert format_difference(Difference(-0.01349, -0.0137, -0.0131, 0.01, 0.99, 9, 9)) == "-0.01349 (-0.01370 .. -0.01310)"
    single = Difference(0.1, None, None, None, None, 1, 1, reason="it rests on a single image")
    assert format_difference(single) == "+0.100 (no interval: it rests on a single image)"
    assert format_difference(replace(single, value=None)) == "no score"
    shares = [format_better(replace(single, better=share)) for share in (None, 0.0, 0.004, 0.026, 0.5, 0.97, 0.994, 1.0)]
    assert shares == ["", "< 1 %", "< 1 %", "3 %", "50 %", "97 %", "> 99 %", "> 99 %"]
