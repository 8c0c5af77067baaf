"""Folds: every image in one part, balanced by class, given splits kept, the same whatever the order of the rows."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.dataset import folds
from segpipe.errors import PipelineError

PIXELS = ["pixels_0", "pixels_1", "pixels_2"]


def table(rows: dict[str, tuple[int, int, int]], given_part: dict[str, str] | None = None) -> pd.DataFrame:
    index = pd.DataFrame.from_dict(rows, orient="index", columns=PIXELS)
    index["given"] = [(given_part or {}).get(item, "") for item in index.index]
    return index


def images(number: int, rare_every: int = 10) -> dict[str, tuple[int, int, int]]:
    return {f"i{k}": (5, 1, 1 if k % rare_every == 0 else 0) for k in range(number)}


def test_shares_are_as_asked_for() -> None:
    parts = folds.assign(table(images(100)), PIXELS, 0.2, 5, 42)
    counts = pd.Series(parts).value_counts()
    assert counts["test"] == 20
    assert all(counts[str(fold)] == 16 for fold in range(5))


def test_a_rare_class_is_in_every_part() -> None:
    rows = images(100)
    parts = folds.assign(table(rows), PIXELS, 0.2, 4, 42)
    rare = [parts[item] for item, pixels in rows.items() if pixels[2]]
    assert {part: rare.count(part) for part in set(rare)} == {"test": 2, "0": 2, "1": 2, "2": 2, "3": 2}


@given(st.permutations([f"i{k}" for k in range(30)]), st.integers(0, 3))
def test_the_order_of_the_rows_does_not_matter(order: list[str], seed: int) -> None:
    rows = images(30)
    assert folds.assign(table({item: rows[item] for item in order}), PIXELS, 0.2, 3, seed) == folds.assign(
        table(rows), PIXELS, 0.2, 3, seed
    )


def test_another_seed_deals_otherwise() -> None:
    index = table(images(100))
    assert folds.assign(index, PIXELS, 0.2, 5, 1) != folds.assign(index, PIXELS, 0.2, 5, 2)


def test_a_given_test_list_is_the_test_part_and_no_other_image_joins_it() -> None:
    index = table(images(50), {"i3": "test", "i4": "test"})
    parts = folds.assign(index, PIXELS, 0.5, 5, 42)
    assert folds.test(parts) == ["i3", "i4"]
    assert {parts[item] for item in index.index if item not in ("i3", "i4")} == {"0", "1", "2", "3", "4"}


def test_a_given_validation_list_is_the_only_fold() -> None:
    given_part = {"i1": "val", "i2": "val", "i3": "test", "i4": "train"}
    parts = folds.assign(table(images(10), given_part), PIXELS, 0.2, 5, 42)
    assert folds.train_and_validation(parts, 0) == (["i0", "i4", "i5", "i6", "i7", "i8", "i9"], ["i1", "i2"])
    with pytest.raises(PipelineError, match="there is no fold 1; there are 0"):
        folds.check(parts, (0, 1))


def test_no_test_share_makes_no_test_part() -> None:
    assert folds.test(folds.assign(table(images(10)), PIXELS, 0.0, 5, 42)) == []


def test_validation_and_training_are_disjoint_and_whole() -> None:
    parts = folds.assign(table(images(53)), PIXELS, 0.2, 5, 42)
    for fold in range(5):
        train, validation = folds.train_and_validation(parts, fold)
        assert sorted([*train, *validation, *folds.test(parts)]) == sorted(parts)


def test_a_fold_without_images_to_train_on_is_refused() -> None:
    with pytest.raises(PipelineError, match="fold 0 leaves no image to train on"):
        folds.check({"a": "0", "b": "test"}, (0,))
