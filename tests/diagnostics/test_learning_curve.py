"""Learning curves: scores as everywhere else, the law by hand, and what is said of it."""

import math
import re

import numpy as np
import pytest

from segpipe.diagnostics.curve_picture import picture
from segpipe.diagnostics.learning_curve import COLUMNS, Judge, Point, answer, forecast, rows, table
from segpipe.scores.counts import SCORES, scores
from segpipe.scores.intervals import Pixels

DICE = Judge("dice", has_background=True, groups=None)


def confusions(right: float, n: int = 40, seed: int = 0) -> np.ndarray:
    """(n, 2, 2) of images that are right to about this share of their objects."""
    rng = np.random.default_rng(seed)
    size = rng.integers(80, 120, n)
    hit = np.rint(size * np.clip(right + rng.normal(0, 0.02, n), 0, 1)).astype(np.int64)
    return np.stack([np.stack([1000 - size + hit, size - hit], axis=1), np.stack([size - hit, hit], axis=1)], axis=1)


def points(*found: tuple[int, float]) -> list[Point]:
    """Points of so many images and about such a Dice."""
    return [Point(n / 80, n, 4, 10, Pixels.of(confusions(right))) for n, right in found]


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("has_background", [True, False])
def test_a_score_is_what_it_is_everywhere_else(name: str, has_background: bool) -> None:
    counts = np.random.default_rng(1).integers(0, 9, (6, 3, 3))
    counts[:, 2] = 0
    counts[2, 1] = counts[2, 0] = 0
    judge = Judge(name, has_background, None)
    assert judge.value(Pixels.of(counts)) == pytest.approx(scores(list(counts), has_background)[name])


@pytest.mark.parametrize("name", SCORES)
def test_the_gain_lies_around_the_difference(name: str) -> None:
    judge = Judge(name, True, None)
    one, other = (Pixels.of(confusions(right)) for right in (0.7, 0.8))
    found, a, b = judge.gain(one, other), judge.value(one), judge.value(other)
    assert a is not None and b is not None and found.low is not None and found.high is not None
    assert found.low < b - a < found.high
    # The same images: their difference is surer than either score.
    alone = judge.interval(other)
    assert alone.low is not None and alone.high is not None and found.high - found.low < 2 * (alone.high - alone.low)


def test_a_law_without_scatter_is_found_and_prolonged() -> None:
    images = [10, 20, 40, 80]
    found = forecast(images, [1 - 2 * n**-0.5 for n in images], 160)
    assert found is not None
    assert found.exponent == pytest.approx(0.5)
    assert (found.low, found.score, found.high) == pytest.approx((1 - 2 * 160**-0.5,) * 3)


def test_the_interval_is_that_of_the_straight_line_by_hand() -> None:
    # Errors 1/2, 1/4, 1/4 at 1, 2, 4 images, in units of log 2: -1, -2, -2 at 0, 1, 2. Mean -5/3, slope -1/2, off 1/6, -1/3, 1/6.
    found = forecast([1, 2, 4], [0.5, 0.75, 0.75], 8)
    assert found is not None
    s = math.sqrt((1 / 36 + 1 / 9 + 1 / 36) / 1)
    error = s * math.sqrt(1 + 1 / 3 + 2**2 / 2)
    t = 12.7062  # Student's, one degree of freedom
    assert found.exponent == pytest.approx(0.5)
    assert found.score == pytest.approx(1 - 2 ** (-5 / 3 - 1))
    assert found.high == pytest.approx(1 - 2 ** (-8 / 3 - t * error), rel=1e-4)
    assert found.low == 0.0  # an error is 1 at most


def test_two_points_and_a_perfect_score_have_no_law() -> None:
    assert forecast([10, 20], [0.5, 0.6], 40) is None
    assert forecast([10, 20, 40], [0.5, 0.6, 1.0], 80) is None


def test_what_is_said() -> None:
    assert "2 sizes show no law. Train 3 or more (--shares)" in answer(points((10, 0.6), (20, 0.7)), DICE)
    flat = answer(points((10, 0.8), (20, 0.8), (40, 0.8)), DICE)
    assert flat.startswith(
        "It cannot be told whether more images would help: from 10 to 40 images the dice went from 0.805 to 0.805"
    )
    worse = answer(points((10, 0.85), (20, 0.8), (40, 0.8)), DICE)
    assert "It cannot be told" in worse and "between -0." in worse
    law = answer(points((10, 0.6), (20, 0.7), (40, 0.775), (80, 0.83)), DICE)
    assert law.startswith("More images helped: from 10 to 80 images the dice went from 0.60")
    assert "Each doubling took 25 % of the error away" in law and "twice the images, 160, would give about 0.87" in law
    scattered = answer(points((10, 0.5), (20, 0.8), (40, 0.6), (80, 0.85)), DICE)
    assert "the points lie too far off the law" in scattered


def test_a_part_without_an_object_has_no_score_and_no_picture_of_one() -> None:
    nothing = [Point(0.5, 5, 1, 1, Pixels.of(np.array([[[9, 0], [0, 0]]])))]
    assert "0 sizes show no law" in answer(nothing, DICE)
    assert rows(nothing * 2, DICE)[1][-2:] == ["no score", "-"]
    assert table(nothing, DICE)[0][COLUMNS.index("value")] == ""
    assert picture(nothing, DICE).startswith(b"\x89PNG")


def test_a_row_says_what_it_won_over_the_one_before() -> None:
    first, second = rows(points((10, 0.6), (1000, 0.7)), DICE)
    assert first[:3] == ["10", "4", "10"] and first[-1] == ""
    assert second[0] == "1,000" and re.fullmatch(r"\+0\.(09|1\d)\d \(\+0\.\d{3} \.\. \+0\.\d{3}\)", second[-1])


def test_the_same_points_give_the_same_picture() -> None:
    found = points((10, 0.6), (20, 0.7), (40, 0.775))
    assert picture(found, DICE) == picture(found, DICE)
    assert picture(found, DICE) != picture(found[:2], DICE)
