"""The pictures of the doctor: every class on the sheet, odd images drawn, the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest

from segpipe.annotations.checks import files as doctor_files
from segpipe.annotations.checks.contact_sheet import MAX_IMAGES, contact_sheet, select_records
from segpipe.annotations.checks.statistics import statistics_png
from segpipe.annotations.examination.result import Examination
from segpipe.errors import DataError
from segpipe.images.encode import encode_mask, encode_png
from segpipe.record import Record
from segpipe.storage.byte_source import InMemory
from tests.annotations.records import record


def drawn(item: str, height: int, width: int, colour: int = 100) -> Record:
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2] = 1
    image = np.full((height, width, 3), colour, np.uint8)
    return record(item, width=width, height=height, image=InMemory(encode_png(image)), mask_png=InMemory(encode_mask(mask)))


def test_a_rare_class_is_on_the_sheet() -> None:
    records = [record(f"{number:03}", (100, 0)) for number in range(200)] + [record("rare", (50, 50))]
    ids = [each.id for each in select_records(records, 2)]
    assert "rare" in ids
    assert len(ids) == MAX_IMAGES
    assert ids == [each.id for each in select_records(records[::-1], 2)]


def test_all_are_shown_where_they_are_few_even_without_a_class() -> None:
    assert len(select_records([record(str(number), (0, 0)) for number in range(3)], 2)) == 3


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (700, 2), (64, 48)])
def test_every_size_is_drawn_with_its_mask_beside_it(size: tuple[int, int]) -> None:
    sheet = contact_sheet([drawn("a" * 300, *size)], ["background", "cat"])
    assert sheet.dtype == np.uint8
    assert (sheet == 100).all(axis=2).any()
    if size == (64, 48):  # the upper half of the second picture is the mask's colour over gray
        gray = np.flatnonzero((sheet == 100).all(axis=2).any(axis=0))
        assert ((sheet[..., 0] > sheet[..., 1]).sum()) > 100
        assert len(gray) > 200


def test_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    records = tuple(drawn(str(number), 30, 40, 50 + number) for number in range(30))
    problems = (DataError("b", "odd", "Look.", warning=True), DataError("a", "odd", "Look.", warning=True))
    for name in ("first", "second"):
        doctor_files.write(tmp_path / name, Examination(records, ("background", "<b>"), problems))
    files = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}
    assert b'"files": [\n      "a",\n      "b"\n    ]' in files["findings.json"]


def test_charts_of_many_classes_and_of_one_image() -> None:
    names = [f"class {number} of a very long name indeed" for number in range(60)]
    assert statistics_png([record("a", (100, *[0] * 59))], names).startswith(b"\x89PNG")
