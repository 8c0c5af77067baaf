"""A stack becomes an image of each page, with its mask; what cannot be told apart is refused."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.convert import examine
from segpipe.annotations.examination.pages import Page, split_pages
from segpipe.annotations.formats.masks.mask_files import MaskFile, MaskFiles
from segpipe.annotations.items import Item, ItemList
from segpipe.dataset import pack
from segpipe.errors import DataError
from segpipe.images.decode import decode_image, decode_mask
from segpipe.storage.byte_source import FileRange, InMemory
from tests.annotations.data_params import data_params
from tests.images import tiff_files

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 2**16, (3, 40, 50), dtype=np.uint16)
MASKS = (STACK > 30_000).astype(np.uint8)


def stack(arrays: np.ndarray) -> bytes:
    return tiff_files.tiff(*(tiff_files.Page(array, 8) for array in arrays))


def folder(root: Path, masks: bytes, suffix: str = ".tif") -> Path:
    for name, content in (("images/a.tif", stack(STACK)), (f"masks/a{suffix}", masks)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(content)
    return root


def examined(root: Path, **keys: Any) -> Any:
    return examine(data_params(root, "masks", **keys), (), root.parent / "spool", 1)


def errors(examination: Any) -> list[str]:
    return [str(problem) for problem in examination.problems if not problem.warning]


def test_a_stack_and_its_stack_of_masks_become_pairs(tmp_path: Path) -> None:
    examination = examined(folder(tmp_path / "own", stack(MASKS)), pages="split")
    assert errors(examination) == []
    assert [record.id for record in examination.records] == ["a/0000", "a/0001", "a/0002"]
    for number, record in enumerate(examination.records):
        assert (record.source, record.suffix, record.group) == (f"page {number + 1} of images/a.tif", ".tif", "a")
        assert np.array_equal(decode_image(record.image.read(), "page")[..., 0], STACK[number])
        assert np.array_equal(decode_mask(record.mask_png.read(), "page"), MASKS[number])
    from segpipe.annotations.convert import info_of

    pack.write(tmp_path / "out", examination.records, info_of(examination))
    opened = pack.open_pack(tmp_path / "out")
    assert np.array_equal(opened.image("a/0002")[..., 0], STACK[2])


def test_unless_asked_for_a_stack_is_refused_with_the_line_that_mends_it(tmp_path: Path) -> None:
    examination = examined(folder(tmp_path / "own", stack(MASKS)))
    [problem] = [each for each in examination.problems if not each.warning]
    assert problem.problem == "3 pages in one file"
    assert (problem.fix.key, problem.fix.value) == ("data.pages", "split")


def test_masks_of_another_number_of_pages_are_an_error(tmp_path: Path) -> None:
    sentence = "Save a TIFF of masks with a page for each page of the image, or each page as an image of its own."
    examination = examined(folder(tmp_path / "own", stack(MASKS[:2])), pages="split")
    assert errors(examination) == [f"mask of images/a.tif: 2 pages, but its image has 3 pages. {sentence}"]
    Image.fromarray(MASKS[0]).save(tmp_path / "one.png")
    one = (tmp_path / "one.png").read_bytes()
    examination = examined(folder(tmp_path / "other", one, ".png"), pages="split")
    assert errors(examination) == [f"mask of images/a.tif: 1 page, but its image has 3 pages. {sentence}"]
    (tmp_path / "other/images/a.tif").write_bytes(stack(STACK[:1]))
    (tmp_path / "other/masks/a.png").unlink()
    (tmp_path / "other/masks/a.tif").write_bytes(stack(MASKS))
    examination = examined(tmp_path / "other", pages="split")
    assert errors(examination) == [f"mask of images/a.tif: 3 pages, but its image has 1 page. {sentence}"]


def item(name: str, image: bytes, annotation: bytes | None = None, annotation_name: str = "", group: str = "") -> Item:
    held = InMemory(annotation) if annotation is not None else None
    return Item(name, f"{name}.tif", InMemory(image), held, "train", group, annotation_name=annotation_name)


def test_shapes_cannot_say_which_page_they_mean() -> None:
    found = split_pages(ItemList((item("a", stack(STACK), b"{}", "a.json"),), ()))
    assert [str(problem) for problem in found.problems] == [
        "a.tif: several pages, and one file of shapes that cannot say which page it means. "
        "Save each page as an image of its own, and annotate those."
    ]
    assert found.items == ()


def test_pages_keep_what_the_item_said_and_other_items_are_untouched() -> None:
    one = item("b", stack(STACK[:1]), stack(MASKS[:1]))
    found = ItemList((item("a", stack(STACK[:2]), group="patient 7"), one), (DataError("x", "y", "z"),))
    split = split_pages(found)
    assert [(each.id, each.given, each.group, each.annotation) for each in split.items[:2]] == [
        ("a/0000", "train", "patient 7", None),
        ("a/0001", "train", "patient 7", None),
    ]
    assert split.items[2] is one
    assert split.problems == found.problems
    nothing = ItemList((one,), ())
    assert split_pages(nothing) is nothing


def test_a_page_s_id_that_is_taken_is_named() -> None:
    found = split_pages(ItemList((item("a", stack(STACK)), item("a/0001", stack(STACK[:1]))), ()))
    assert [problem.file for problem in found.problems] == ["a/0001.tif and page 2 of a.tif"]


def test_a_page_is_the_same_from_disk_and_memory_and_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(stack(STACK))
    for place in (FileRange(tmp_path / "a.tif"), InMemory(stack(STACK))):
        [*_, last] = [each.image for each in split_pages(ItemList((Item("a", "a.tif", place, None),), ())).items]
        assert isinstance(last, Page)
        assert pickle.loads(pickle.dumps(last)).read() == last.read()
        assert np.array_equal(decode_image(last.read(), "page")[..., 0], STACK[2])
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    with pytest.raises(OSError, match="its pages are damaged or have changed"):
        Page(FileRange(tmp_path / "a.tif"), 1000).read()


def test_damaged_and_empty_files_stay_one_item(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"")
    (tmp_path / "b.tif").write_bytes(stack(STACK)[:100])
    items = tuple(Item(name, f"{name}.tif", FileRange(tmp_path / f"{name}.tif"), None) for name in "abc")
    assert split_pages(ItemList(items, ())) == ItemList(items, ())


def layers(**masks: np.ndarray) -> MaskFiles:
    return MaskFiles(tuple(MaskFile(f"{name}.tif", InMemory(stack(values)), name) for name, values in masks.items()))


def test_stacks_of_masks_of_several_classes_go_along_page_by_page() -> None:
    one = Item("a", "a.tif", InMemory(stack(STACK)), layers(cat=MASKS, dog=MASKS[::-1]), annotation_name="both")
    pages = split_pages(ItemList((one,), ()))
    assert pages.problems == ()
    assert [(item.id, item.annotation_name) for item in pages.items] == [
        (f"a/000{number}", f"page {number + 1} of both") for number in range(3)
    ]
    for number, item in enumerate(pages.items):
        assert isinstance(item.annotation, MaskFiles)
        cat, dog = item.annotation.files
        assert (cat.name, cat.class_name, dog.class_name) == (f"page {number + 1} of cat.tif", "cat", "dog")
        assert np.array_equal(decode_image(cat.byte_source.read(), "cat")[..., 0], MASKS[number])
        assert np.array_equal(decode_image(dog.byte_source.read(), "dog")[..., 0], MASKS[2 - number])


@pytest.mark.parametrize(
    ("dog", "sentence"),
    [
        (
            slice(0, 2),
            "both: masks of one image that differ in their number of pages. Save each with a page for each page of the image.",
        ),
        (slice(0, 0), "mask of a.tif: 2 pages, but its image has 3 pages. "),
    ],
)
def test_masks_of_classes_with_other_pages_are_an_error(dog: slice, sentence: str) -> None:
    own = layers(cat=MASKS, dog=MASKS[dog]) if len(MASKS[dog]) else layers(cat=MASKS[:2], dog=MASKS[:2])
    found = split_pages(ItemList((Item("a", "a.tif", InMemory(stack(STACK)), own, annotation_name="both"),), ()))
    assert [str(problem)[: len(sentence)] for problem in found.problems] == [sentence]
