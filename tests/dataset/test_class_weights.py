"""Weights of classes from the pixels of the training images: by hand, by rule, and in words."""

import math
from itertools import pairwise
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.dataset.class_weights import sentence, weights
from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo
from tests.dataset.indexes import table

INFO = DatasetInfo(("background", "cat", "dog"), True, 3, 8, 3)
TRAIN = table({"a": [80, 20, 0], "b": [90, 0, 10], "c": [30, 10, 0]})


def test_none_are_none() -> None:
    assert weights("none", (5.0, 1.0), TRAIN, INFO) == ()


def test_median_frequency_is_a_share_of_the_images_that_hold_the_class() -> None:
    background, cat, dog = 200 / 240, 30 / 140, 10 / 100
    assert weights("median", (), TRAIN, INFO) == pytest.approx((cat / background, 1, cat / dog))


def test_log_is_from_the_share_of_all_pixels() -> None:
    wanted = tuple(1 / math.log(1.02 + count / 240) for count in (200, 30, 10))
    assert weights("log", (), TRAIN, INFO) == pytest.approx(wanted)


def test_an_even_number_of_classes_has_its_median_in_the_middle() -> None:
    two = DatasetInfo(("background", "cat"), True, 3, 8, 1)
    assert weights("median", (), table({"a": [75, 25]}), two) == pytest.approx((0.5 / 0.75, 0.5 / 0.25))


@pytest.mark.parametrize("rule", ["median", "log"])
def test_a_class_that_no_training_image_holds_counts_1_and_is_named(rule: str) -> None:
    train = table({"a": [75, 25, 0], "b": [75, 25, 0]})
    found = weights(rule, (), train, INFO)
    assert found[2] == 1
    assert found[:2] == weights(rule, (), train, DatasetInfo(("background", "cat"), True, 3, 8, 2))
    assert sentence(found, train, INFO).endswith("dog 1; no training image holds dog")


@pytest.mark.parametrize("rule", ["median", "log"])
def test_images_that_are_ignored_everywhere_do_no_harm(rule: str) -> None:
    assert weights(rule, (), table({"a": [0, 0, 0]}), INFO) == (1, 1, 1)
    assert weights(rule, (), pd.concat([TRAIN, table({"z": [0, 0, 0]})]), INFO) == weights(rule, (), TRAIN, INFO)


pixels = st.lists(st.tuples(*[st.integers(0, 10**12)] * 3), min_size=1, max_size=6)
computed = st.sampled_from(["median", "log"])


@settings(max_examples=25, deadline=None)
@given(pixels, st.randoms(), computed)
def test_the_order_of_the_images_changes_no_digit(rows: list[tuple[int, ...]], random: Random, rule: str) -> None:
    index = table({str(number): row for number, row in enumerate(rows)})
    found = weights(rule, (), index, INFO)
    assert weights(rule, (), index.loc[random.sample(list(index.index), len(index))], INFO) == found
    assert all(math.isfinite(weight) and weight > 0 for weight in found)


@settings(max_examples=25, deadline=None)
@given(pixels, computed)
def test_where_all_images_hold_all_classes_the_rarer_weighs_more(rows: list[tuple[int, ...]], rule: str) -> None:
    index = table({str(number): [1 + count for count in row] for number, row in enumerate(rows)})
    found = weights(rule, (), index, INFO)
    counts = [int(index[f"pixels_{number}"].sum()) for number in range(3)]
    from_rare = [found[number] for number in sorted(range(3), key=lambda number: counts[number])]
    assert all(a >= b * (1 - 1e-12) for a, b in pairwise(from_rare))


def test_given_ones_are_taken_as_they_are() -> None:
    assert weights("given", (0.5, 0.0, 7.0), TRAIN, INFO) == (0.5, 0, 7)
    assert sentence((0.5, 0.0, 7.0), TRAIN, INFO) == "background 0.5, cat 0, dog 7"


def test_another_number_of_them_than_of_classes_is_an_error() -> None:
    with pytest.raises(PipelineError, match=r"loss.weights: 2 numbers, but the data has 3 classes \(background, cat, dog\)\."):
        weights("given", (1.0, 2.0), TRAIN, INFO)
