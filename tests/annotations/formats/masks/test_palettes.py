"""Palette masks and masks of few bits, from real files: the colours count where they contradict the indices."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.code_counts import CodeCounts
from segpipe.annotations.detect import settings as first_settings
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.formats.masks.palettes import why_colours
from segpipe.images.decode import value_colours
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import blocks, errors, examined, masks_of, mended, photo, save, with_settings

BLACK, RED, BLUE, WHITE, GRAY = (0, 0, 0), (250, 50, 83), (51, 221, 255), (255, 255, 255), (128, 128, 128)
BY_COLOURS = "0 0 0 background\n250 50 83 cat\n51 221 255 dog\n"
Colours = Sequence[tuple[int, int, int]]


def pair(root: Path, name: str, ids: Any, colours: Colours = (), mode: str = "", suffix: str = ".png") -> None:
    """`images/NAME.png` and `masks/NAME` with a palette of these colours, or in another mode of Pillow's."""
    array = np.asarray(ids, np.uint8)
    photo(root / f"images/{name}.png", array.shape[1], array.shape[0])
    picture = Image.fromarray(array)
    if colours:
        picture.putpalette([value for colour in colours for value in colour])
    save(root / f"masks/{name}{suffix}", picture.convert(mode) if mode else picture)


def read(root: Path, spool: Path) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    """Each mask's classes from block to block, and their names, by what `segpipe init` makes of the folder."""
    found = inspect_folder(root, data_params(root, "masks"))
    assert [problem for problem in found.problems if not problem.warning] == []
    examination = examined(with_settings(root, first_settings.data_settings(found, root.as_posix())), spool)
    assert errors(examination) == []
    return {name: rows[0][::4] for name, rows in masks_of(examination).items()}, examination.classes


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("table", ["", BY_COLOURS])
def test_palettes_of_their_own_are_read_by_colours(tmp_path: Path, suffix: str, table: str) -> None:
    root = tmp_path / "x"
    pair(root, "a", blocks(0, 1, 2), (BLACK, RED, BLUE), suffix=suffix)
    pair(root, "b", blocks(0, 1, 2), (BLUE, BLACK, RED), suffix=suffix)
    pair(root, "c", blocks(0, 1), (RED, BLACK), suffix=suffix)
    if table:
        (root / "label_colors.txt").write_text(table)
    red, blue = (1, 2) if table else (2, 1)  # without a table, classes are in the order of their codes
    masks, names = read(root, tmp_path)
    assert masks == {"a": [0, red, blue], "b": [blue, 0, red], "c": [red, 0]}
    assert names == (("background", "cat", "dog") if table else ("background", "class_1", "class_2"))


def test_a_table_in_another_order_than_the_palette_names_its_colours(tmp_path: Path) -> None:
    root = tmp_path / "x"
    for name in "abc":
        pair(root, name, blocks(0, 1, 2), (BLACK, RED, BLUE))
    (root / "class_dict.csv").write_text("name,r,g,b\ndog,51,221,255\ncat,250,50,83\nbackground,0,0,0\n")
    assert read(root, tmp_path) == ({name: [0, 2, 1] for name in "abc"}, ("background", "dog", "cat"))


def test_a_table_in_the_order_of_the_palette_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "x"
    pair(root, "a", blocks(0, 1, 2), (BLACK, RED, BLUE))
    (root / "label_colors.txt").write_text(BY_COLOURS)
    found = inspect_folder(root, data_params(root, "masks"))
    assert (found.classes.palette, found.classes.values) == ("indices", "ids")
    assert read(root, tmp_path)[0] == {"a": [0, 1, 2]}


@pytest.mark.parametrize("names", ["", "background\ntumour\n"])
def test_white_before_black_is_no_other_mask_than_black_before_white(tmp_path: Path, names: str) -> None:
    root = tmp_path / "x"
    pair(root, "a", blocks(0, 1, 1), (WHITE, BLACK))
    pair(root, "b", blocks(1, 1, 0), (WHITE, BLACK))
    if names:
        (root / "classes.txt").write_text(names)
    assert read(root, tmp_path)[0] == {"a": [1, 0, 0], "b": [0, 0, 1]}


def test_white_is_one_object_in_files_of_any_bits(tmp_path: Path) -> None:
    """White of a 1-bit file is 1, of 4 bits 15, of gray, RGB and RGBA files 255, and what a palette calls white is white."""
    root = tmp_path / "x"
    white = blocks(0, 255)
    pair(root, "one", white, mode="1")
    pair(root, "gray", white)
    pair(root, "rgb", white, mode="RGB")
    pair(root, "rgba", white, mode="RGBA")
    pair(root, "palette", blocks(0, 3), (BLACK, RED, BLUE, WHITE))
    assert read(root, tmp_path)[0] == {name: [0, 1] for name in ("one", "gray", "rgb", "rgba", "palette")}


def test_ids_in_one_palette_or_in_several_kinds_of_files_stay_ids(tmp_path: Path) -> None:
    root = tmp_path / "x"
    voc = (BLACK, (128, 0, 0), (0, 128, 0))
    pair(root, "a", blocks(0, 1, 2), voc)
    pair(root, "b", blocks(0, 1), voc)
    pair(root, "c", blocks(0, 1, 2))  # gray
    pair(root, "d", blocks(0, 1, 1), ((0, 0, 0), (1, 1, 1)))
    pair(root, "e", blocks(0, 1), mode="")
    assert read(root, tmp_path)[0] == {"a": [0, 1, 2], "b": [0, 1], "c": [0, 1, 2], "d": [0, 1, 1], "e": [0, 1]}


def test_black_that_fills_a_palette_is_no_background(tmp_path: Path) -> None:
    """Programs fill palettes with black, or leave them short: 255 is the ignored value, and no second black."""
    root = tmp_path / "x"
    filled = (BLACK, (128, 0, 0)) + (BLACK,) * 254
    pair(root, "a", blocks(0, 1, 1, 1, 255), filled)
    pair(root, "b", blocks(1, 255, 1, 1), filled)
    short = cut_palette((root / "masks/a.png").read_bytes(), 2)
    assert value_colours(short, "a.png").tolist() == [[0, 0, 0], [128, 0, 0]]
    (root / "masks/a.png").write_bytes(short)
    assert read(root, tmp_path)[0] == {"a": [0, 1, 1, 1, 255], "b": [1, 255, 1, 1]}


def cut_palette(png: bytes, length: int) -> bytes:
    """The PNG with the first colours of its palette alone."""
    at = png.index(b"PLTE")
    size = int.from_bytes(png[at - 4 : at], "big")
    chunk = png[at : at + 4 + 3 * length]
    head = (3 * length).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return png[: at - 4] + head + png[at + 4 + size + 4 :]


def test_the_stage_refuses_what_init_would_read_by_colours(tmp_path: Path) -> None:
    root = tmp_path / "x"
    pair(root, "a", blocks(0, 1), (BLACK, RED))
    pair(root, "b", blocks(0, 1), (RED, BLACK))
    data = data_params(root, "masks")
    found = errors(examined(data, tmp_path))
    assert [str(each) for each in found] == [
        f"masks/{name}.png: read by the indices of a palette, but their palettes differ from file to file. "
        "Let the colours count, or save them as gray class ids."
        for name in "ab"
    ]
    assert masks_of(examined(mended(data, found[0].fixes), tmp_path)) == {
        "a": blocks(0, 1).tolist(),
        "b": blocks(1, 0).tolist(),
    }


@pytest.mark.parametrize(
    ("mask_counts", "named", "why"),
    [
        ([((0, 1), ())], (), ""),
        ([((0, 1), (0, 9 << 8))], (), ""),
        ([((0, 1), (0, 9 << 8)), ((1, 2), (0, 9 << 8))], (), "their palettes differ from file to file"),
        ([((0, 1), (0, 0)), ((1, 0), (0, 7))], (), ""),  # two classes of one colour: only indices tell them apart
        ([((0, 1), (0, 7))], (7, 0), "a table beside them names these colours in another order"),
        ([((0, 1), (0, 7))], (0, 7), ""),
        ([((0, 1), (0, 7))], (0, 8), ""),
        ([((0, 1), (255, 0))], (), "black is not the first colour of their palette"),
        ([((0, 255), (0, 0))], (), ""),
        ([((0, 1), (0, 255)), ((0, 255), ())], (), "other masks hold the same colours without a palette"),
        ([((0, 1), (0, 255)), ((0, 1, 255), ())], (), ""),
    ],
)
def test_the_reasons(mask_counts: Any, named: Any, why: str) -> None:
    held = [CodeCounts(codes, (1,) * len(codes), shown) for codes, shown in mask_counts]
    assert why_colours(held, named, only_by_look=False) == why


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_any_palette_shows_the_same_classes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """However a program orders each palette, the classes are those that a person sees."""
    root = tmp_path_factory.mktemp("x")
    colours = (BLACK, RED, BLUE, GRAY)
    truth = {}
    for name in "abc":
        order = data.draw(st.permutations(range(4)))
        seen = [0, 1, *data.draw(st.lists(st.integers(0, 3), max_size=4))]
        truth[name] = seen
        pair(root, name, blocks(*(order.index(each) for each in seen)), [colours[each] for each in order])
    (root / "label_colors.txt").write_text(BY_COLOURS + "128 128 128 cow\n")
    assert read(root, root.parent)[0] == truth
