"""What is kept of images and annotations changes no result, and is read anew whenever anything that decides it changes."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations import cache_encoding, convert
from segpipe.annotations.checks.findings import findings
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.examination import examine, image_info, result_cache
from segpipe.annotations.examination.result import Examination
from segpipe.annotations.formats.table import source_of
from segpipe.annotations.near_duplicates import pairs
from segpipe.errors import DataError, Fix
from segpipe.reproducibility.code_hash import closure
from segpipe.storage.examination_cache import Cache
from segpipe.storage.workspace import AFRESH, examined
from tests.annotations.data_params import data_params
from tests.corpus.case import Case, parameters
from tests.corpus.test_commands import CASES, names

MANY = 40
"""Images, more than are read in one process."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "x.sqlite")


def folder(root: Path, n_images: int = 6) -> Path:
    """Images with masks: some alike, one with alpha, one whose mask has a value of no class."""
    rng = np.random.default_rng(0)
    for number in range(n_images):
        shape = (60, 80, 4 if number == 1 else 3)
        pixels = rng.integers(0, 256, shape, np.uint8)
        values = rng.integers(0, 3 if number == 2 else 2, (60, 80), np.uint8)
        for name, each in (("images", pixels), ("masks", values)):
            path = root / name / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(each).save(path)
    (root / "images/04.png").write_bytes((root / "images/03.png").read_bytes())
    return root


def seen(examination: Examination) -> Any:
    """All that an examination says, with the bytes of its masks."""
    records = [replace(each, mask_png=each.mask_png.read()) for each in examination.records]  # type: ignore[arg-type]
    return records, examination.classes, [str(each) for each in findings(examination.problems)]


def forbidden(*_: Any, **__: Any) -> Any:
    raise AssertionError("read again")


@pytest.mark.parametrize("n_images", [6, MANY])
def test_a_second_time_gives_the_same_and_reads_nothing(
    n_images: int, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_params(folder(tmp_path / "x", n_images), "masks")
    plain = seen(convert.examine(data, (), tmp_path / "spool"))
    assert seen(convert.examine(data, (), tmp_path / "spool", cache=cache)) == plain
    for place, name in ((examine, "image_info"), (examine, "_read_annotation"), (pairs, "pairs")):
        monkeypatch.setattr(place, name, forbidden)
    assert seen(convert.examine(data, (), tmp_path / "spool", cache=cache)) == plain


def test_data_that_moved_is_the_same_data(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "x")
    convert.examine(data_params(root, "masks"), (), tmp_path / "spool", cache=cache)
    moved = root.rename(tmp_path / "y")
    monkeypatch.setattr(examine, "image_info", forbidden)
    monkeypatch.setattr(examine, "_read_annotation", forbidden)
    assert len(convert.examine(data_params(moved, "masks"), (), tmp_path / "spool", cache=cache).records) == 5


def test_other_classes_read_the_annotations_anew_and_no_image(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path / "x")
    convert.examine(data_params(root, "masks"), (), tmp_path / "spool", cache=cache)
    more = data_params(root, "masks", classes=["background", "a", "b"])
    plain = seen(convert.examine(more, (), tmp_path / "spool"))
    monkeypatch.setattr(examine, "image_info", forbidden)
    assert seen(convert.examine(more, (), tmp_path / "spool", cache=cache)) == plain


@pytest.mark.parametrize("name", ["images/03.png", "masks/03.png"])
def test_a_changed_file_is_read_anew(name: str, tmp_path: Path, cache: Cache) -> None:
    root = folder(tmp_path / "x")
    data = data_params(root, "masks")
    before = seen(convert.examine(data, (), tmp_path / "spool", cache=cache))
    shape = (60, 80, 3) if name.startswith("images") else (60, 80)
    Image.fromarray(np.ones(shape, np.uint8)).save(root / name)
    after = seen(convert.examine(data, (), tmp_path / "spool", cache=cache))
    assert after != before
    assert after == seen(convert.examine(data, (), tmp_path / "spool"))


def test_entries_of_another_content_are_computed_again(tmp_path: Path, cache: Cache) -> None:
    """Their checksum fits, but they hold what no one of ours wrote."""
    data = data_params(folder(tmp_path / "x"), "masks")
    plain = seen(convert.examine(data, (), tmp_path / "spool"))
    looked: list[str] = []

    class Spy(Cache):
        def get(self, key: str) -> bytes | None:
            looked.append(key)
            return [b"[1]", b'{"bytes": 1}', b'{"os.system": {"dict": []}}', b"\xff"][len(looked) % 4]

    assert seen(convert.examine(data, (), tmp_path / "spool", processes=1, cache=Spy(cache.path))) == plain
    assert len(looked) > 10


def test_other_code_counts_as_another_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    before = result_cache.image_key("a", "parts"), result_cache.pairs_key([b"a", b"b"])
    monkeypatch.setattr(result_cache, "_code_and_versions", lambda: "another version")
    assert not {result_cache.image_key("a", "parts"), result_cache.pairs_key([b"a", b"b"])} & {*before}


def test_all_code_that_reads_counts() -> None:
    """Else an edit of it would be answered with what the old code saw."""
    root = result_cache.PACKAGE.parent
    reading = {
        root / file
        for file in closure({"segpipe": root}, ["segpipe.annotations.formats.table", "segpipe.annotations.examination.examine"])
    }
    assert reading
    assert {file.relative_to(root).as_posix() for file in reading - {*result_cache.code_files()}} <= {
        "segpipe/console/progress.py"
    }
    assert result_cache.PACKAGE / "images/decode.py" in result_cache.code_files()


def test_the_order_and_the_lengths_of_fingerprints_count() -> None:
    assert len({result_cache.pairs_key(each) for each in ([b"ab", b"c"], [b"c", b"ab"], [b"a", b"bc"], [b"abc"])}) == 4


@pytest.mark.parametrize("source", ["labelme", "masks", "coco", "yolo", "voc"])
def test_what_every_format_reads_by_can_be_described(source: str, tmp_path: Path) -> None:
    """Else its annotations would be read each time, without a word."""
    case = next(case for case in CASES if case.source == source and not case.is_broken)
    data = parameters(case, tmp_path / "x")
    found = source_of(data, tmp_path / "x", ())
    described = result_cache.describe_reader(found.read)
    assert described
    assert str(tmp_path) not in described
    assert result_cache.annotation_key("mask", found.found.items[0], "hash", found.read)


@pytest.mark.parametrize("value", [lambda: 1, partial(lambda: 1), Path("x"), object(), {1: object()}, [np.zeros(2)]])
def test_what_cannot_be_described_is_not_cached(value: Any) -> None:
    assert result_cache.describe_reader(value) == ""


@pytest.mark.parametrize("case", [case for case in CASES if "everything" in case.name or case.warnings][:24], ids=names)
def test_the_corpus_is_reported_alike_from_the_cache(case: Case, tmp_path: Path, cache: Cache) -> None:
    data = parameters(case, tmp_path / "x")
    told = [seen(convert.examine(data, (), tmp_path / "spool", 1, own)) for own in (Cache(None), cache, cache)]
    assert told[0] == told[1] == told[2]


def test_a_look_reads_no_annotation_twice(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "x", MANY)
    data = data_params(root, "masks")
    first = inspect_folder(root, data, cache=cache)
    monkeypatch.setattr("segpipe.annotations.formats.masks.codes.read", forbidden)
    again = inspect_folder(root, data, cache=cache)
    assert (replace(again, problems=()), [*map(str, again.problems)]) == (
        replace(first, problems=()),
        [*map(str, first.problems)],
    )


def test_values_come_back_as_they_were() -> None:
    error = DataError("a", "b", "c", (Fix("k", (1, "x"), adds=True), Fix("l", [1])), warning=True)
    value = {"a": (1, 2.5, None, True), "b": [b"\0\xff", {}], "c": (error,)}
    content = cache_encoding.encode(value)
    assert content is not None
    back = cache_encoding.decode(content)
    assert {**back, "c": [vars(each) for each in back["c"]]} == {**value, "c": [vars(error)]}
    assert json.loads(content)


def test_a_value_that_would_come_back_as_another_is_not_kept() -> None:
    class OtherError(DataError):
        pass

    grown = DataError("a", "b", "c")
    grown.cause = "d"  # type: ignore[attr-defined]
    assert [cache_encoding.encode(each) for each in (np.int64(1), {1, 2}, OtherError("a", "b", "c"), grown, float("nan"))] == [
        None
    ] * 5


def test_only_a_project_keeps_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv(AFRESH)
    monkeypatch.chdir(tmp_path)
    assert examined() is None
    (tmp_path / ".dvc").mkdir()
    assert examined() == tmp_path / ".resume/examined.sqlite"
    monkeypatch.setenv(AFRESH, "1")
    assert examined() is None


def test_the_same_bytes_under_two_names_are_reported_under_both(tmp_path: Path, cache: Cache) -> None:
    rgba = np.random.default_rng(1).integers(0, 255, (40, 40, 4), np.uint8)
    for name in "ab":
        (tmp_path / "x/images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "x/masks").mkdir(exist_ok=True)
        Image.fromarray(rgba).save(tmp_path / f"x/images/{name}.png")
        Image.fromarray((rgba[..., 0] % 2).astype(np.uint8)).save(tmp_path / f"x/masks/{name}.png")
    for _ in range(2):
        found = convert.examine(data_params(tmp_path / "x", "masks"), (), tmp_path / "spool", cache=cache)
        assert {each.file for each in found.problems if "transparent" in each.problem} == {"images/a.png", "images/b.png"}


def test_a_picture_has_a_fingerprint_only_where_one_is_asked_for(tmp_path: Path) -> None:
    content = (folder(tmp_path / "x", 5) / "images/00.png").read_bytes()
    sizes = [len(image_info.image_info(content, "a", how).fingerprint) for how in ("none", "whole", "parts")]
    assert sizes[0] == 0 < sizes[1] < sizes[2]
