"""Near-duplicates in several given parts: how many, which, and that they are not told to be kept together."""

from pathlib import Path

from segpipe.annotations.near_duplicates import split_leaks
from segpipe.annotations.near_duplicates.pairs import Pair, warnings
from segpipe.cli.convert import convert
from tests.annotations.formats.masks.folders import blocks, folder
from tests.annotations.records import record

WHAT = "the given split puts copies and near-duplicates into several parts"
REMEDY = "Scores on them are too good: take them out of one of the parts, or remove them."


def test_each_cluster_in_several_parts_is_reported_with_the_number_of_images() -> None:
    records = [
        record("a", twin="a", given="train"),
        record("b", twin="a", given="train"),
        record("c", twin="a", given="test"),
        record("d", twin="a", given="test"),
        record("e", twin="e", given="val"),
        record("f", twin="e"),
        record("g", twin="g", given="train"),
        record("h", twin="g"),
        record("i", given="test"),
    ]
    told = [str(each) for each in split_leaks.warnings(records)]
    assert told == [
        f"c (test) = a (train) = b (train) and 1 more: {WHAT}, 3 images of val and test in all. {REMEDY}",
        f"f (train) = e (val): {WHAT}, 3 images of val and test in all. {REMEDY}",
    ]


def test_equal_files_are_reported_where_near_duplicates_were_not_looked_for() -> None:
    records = [record("a", given="test", image_sha256="x"), record("b", image_sha256="x"), record("c", given="val")]
    assert [str(each) for each in split_leaks.warnings(records)] == [
        f"a (test) = b (train): {WHAT}, 1 image of val and test in all. {REMEDY}"
    ]


def test_without_given_parts_nothing_is_parted() -> None:
    assert split_leaks.warnings([record("a", twin="a"), record("b", twin="a")]) == []


def test_pairs_that_lists_part_are_not_said_to_be_kept_together() -> None:
    pairs = [Pair("a", "b", "same", 0.0), Pair("a", "c", "same", 0.0)]
    (told,) = warnings(pairs, ["a", "b", "c"], {"a": "train", "b": "train", "c": "test"})
    assert told.file == "a = b"


def test_a_user_of_convert_reads_it(tmp_path: Path, capsys: object) -> None:
    root = tmp_path / "src"
    folder(root, a=blocks(0, 1, side=40), b=blocks(1, 0, side=40), c=blocks(0, 1, side=40))
    (root / "images/c.png").write_bytes((root / "images/a.png").read_bytes())
    (root / "train.txt").write_text("a\nb\n")
    (root / "test.txt").write_text("c\n")
    convert(root, tmp_path / "out")
    said = capsys.readouterr().err  # type: ignore[attr-defined]
    assert f"warning: c (test) = a (train): {WHAT}, 1 image of val and test in all. {REMEDY}" in said
    assert "split.join_duplicates keeps them in one part" not in said
