"""The proof: counted by hand, its reasons, its warnings, and the same bytes each time."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from segpipe.dataset.split import balance_report
from segpipe.dataset.split.assign import Assignment
from segpipe.dataset.split.balance_report import BalanceReport, Leak
from segpipe.dataset.split.kept_folds import KeptFolds
from segpipe.errors import PipelineError
from tests.dataset.indexes import pixels, split, table

CLASSES = ("background", "rust", "crack")
EQUAL = {"0": Fraction(1, 2), "1": Fraction(1, 2)}


def made(
    rows: dict[str, tuple[int, ...]],
    parts: dict[str, str],
    groups: dict[str, str] | None = None,
    shares: dict[str, Fraction] | None = None,
) -> tuple[pd.DataFrame, Assignment]:
    own = {item: item for item in rows} | (groups or {})
    return table(rows), Assignment(parts, own, {}, EQUAL if shares is None else shares, KeptFolds("", "", {}))


def proved(index: pd.DataFrame, assignment: Assignment) -> BalanceReport:
    return balance_report.compute(index, pixels(3), CLASSES, assignment)


def test_it_counts_what_a_hand_counts() -> None:
    index, assignment = made(
        {"a": (6, 4, 0), "b": (10, 0, 0), "c": (4, 12, 0), "d": (10, 0, 0)},
        {"a": "0", "b": "0", "c": "1", "d": "1"},
        groups={"b": "a"},
    )
    found = proved(index, assignment)
    assert (found.parts, found.n_groups, found.n_joined, found.leaks) == (("0", "1"), 3, 2, ())
    params, background, rust, crack = found.rows
    assert (params.images, params.pixels) == ((2, 2), (20, 26))
    assert (background.groups, background.images, background.pixels, background.largest_group) == (3, (2, 2), (16, 14), 0.533333)
    assert (rust.images, rust.pixels, rust.ideal_pixels) == ((1, 1), (4, 12), (0.5, 0.5))
    assert found.largest_deviation == (0.5, "rust", "0")
    assert found.notes == (
        "all images: 13 % off its ideal in fold 0: no better way found to assign its 3 groups while earlier images stay",
        "rust: 50 % off its ideal in fold 0: one group has 75 % of it",
        "crack: in no image",
    )
    assert (crack.groups, crack.largest_group) == (0, 0)


def test_a_class_in_fewer_groups_than_parts_is_named_with_the_parts_without_it() -> None:
    rows = {f"i{k}": (10, 0, int(k == 0)) for k in range(30)}
    index = table(rows)
    found = proved(index, split(index, n_folds=2))
    note = next(note for note in found.notes if note.startswith("crack"))
    assert "it is in 1 image, for 3 parts" in note and "none in " in note
    assert "rust: in no image" in found.notes


def test_a_balanced_split_needs_no_excuse() -> None:
    index = table({f"i{k}": (10, 5, 5) for k in range(50)})
    found = proved(index, split(index))
    assert found.notes == () and found.largest_deviation and found.largest_deviation[0] == 0
    assert "50 groups of 50 images, each in one part; 0 images are not alone in theirs" in balance_report.table(found)


def test_what_a_given_test_list_took_is_not_held_against_the_folds() -> None:
    index, assignment = made({"a": (1, 9, 0), "b": (1, 1, 0), "c": (1, 1, 0)}, {"a": "test", "b": "0", "c": "1"}, shares=EQUAL)
    found = proved(index, assignment)
    assert found.rows[2].ideal_pixels == (None, round(1 / 11, 6), round(1 / 11, 6))
    assert found.rows[2].ideal_images == (None, round(1 / 3, 6), round(1 / 3, 6))
    assert found.largest_deviation and found.largest_deviation[0] < 1e-5


def test_groups_that_lists_cut_are_leaks_and_warned_of() -> None:
    rows = {f"p{k % 8}_{k}": (1, 0, 0) for k in range(32)}
    index = table(rows, given={"p0_0": "test", "p0_8": "test"})
    assignment = split(index, group="name", n_folds=2)
    found = proved(index, assignment)
    assert [leak.images["test"] for leak in found.leaks] == [2] and sum(found.leaks[0].images.values()) == 4
    (warning,) = balance_report.warnings(found, assignment)
    assert "the given lists cut through 1 group of 4 images" in warning and "that of p0_0 (2 in fold" in warning
    assert "8 groups of 32 images, 1 cut by given lists; 32 images are not alone in theirs" in balance_report.table(found)


def test_near_duplicates_that_lists_part_are_counted_where_no_group_joins_them() -> None:
    given = {"a": "train", "b": "test", "c": "test", "d": "train", "e": "train"}
    twin = {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d"}
    index = table(dict.fromkeys("abcde", (9, 1)), given=given, twin=twin)
    parts = {"a": "train", "b": "test", "c": "test", "d": "train", "e": "0"}
    assert balance_report.parted_duplicates(index, {**parts, "e": "train"}) == [
        "1 cluster of near-duplicates in several parts, 2 images outside train: those of a. "
        "Scores on them are too good: mend the given lists, and set split.join_duplicates to true for images in none of them."
    ]
    (both,) = balance_report.parted_duplicates(index, parts)
    assert both.startswith("2 clusters of near-duplicates in several parts, 3 images outside train: those of a, d. ")
    assert balance_report.parted_duplicates(table(dict.fromkeys("abcde", (9, 1)), twin=twin), parts) == []


def test_only_lists_leave_no_ideal() -> None:
    index, assignment = made({"a": (1, 0, 0), "b": (1, 1, 1)}, {"a": "0", "b": "train"}, shares={})
    found = proved(index, assignment)
    assert found.largest_deviation is None and found.rows[0].ideal_images == (None, None)
    assert "crack: none in fold 0: it is in 1 image, for 2 parts" in found.notes


def test_images_that_had_to_move_are_named() -> None:
    index, assignment = made({"a": (1, 0, 0), "b": (1, 1, 1)}, {"a": "0", "b": "1"})
    (warning,) = balance_report.warnings(proved(index, assignment), replace(assignment, moved={"b": "test"}))
    assert "1 image had to leave the earlier part" in warning and "b from test to fold 1" in warning


def test_many_leaks_are_counted_and_ten_are_named() -> None:
    index, assignment = made({"a": (1, 0, 0), "b": (1, 1, 1)}, {"a": "0", "b": "1"})
    leaks = tuple(Leak(f"g{k:02d}", {"0": 1, "test": 1}) for k in range(12))
    (warning,) = balance_report.warnings(replace(proved(index, assignment), leaks=leaks), assignment)
    assert "12 groups of 24 images" in warning and "g09" in warning and "g10" not in warning and "and 2 more" in warning


def test_it_comes_back_and_its_bytes_do_not_depend_on_the_rows(tmp_path: Path) -> None:
    index = table({f"i{k}": (k, 2 * k, 7) for k in range(30)})
    found = proved(index, split(index))
    balance_report.write(tmp_path / "proof.json", found)
    assert balance_report.read(tmp_path / "proof.json") == found
    backwards = index.iloc[::-1]
    assert proved(backwards, split(backwards)) == found


@pytest.mark.parametrize("content", ["", "{}", '{"parts": 1}', "[1]"])
def test_a_broken_proof_and_none_are_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(PipelineError, match="not there yet"):
        balance_report.read(tmp_path / "proof.json")
    (tmp_path / "proof.json").write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError, match="broken"):
        balance_report.read(tmp_path / "proof.json")
