"""Which image belongs to which JSON: mini data sets of labelme's users, and what is found in each."""

import base64
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from segpipe.annotations.convert import examine
from segpipe.annotations.formats.labelme import source as labelme
from segpipe.annotations.formats.labelme.embedded import Embedded
from segpipe.annotations.items import ItemList
from segpipe.storage.byte_source import FileRange
from tests.annotations.data_params import data_params

GUESS = (
    "warning: {}: its image is not where imagePath says; the only one of that name was taken. "
    "Make sure that they belong together."
)
GONE = '{}: its image "{}" is not in the folder. Put the image beside the JSON file, or remove the file.'
TWO = "{} and {}: two JSON files for one image, {}. Remove one of the two."
BARE = "{}: an image without a JSON file. Annotate it, or set data.unannotated to skip or background."


@dataclass(frozen=True)
class Case:
    """Image files, JSON files with their imagePath, and JSON files with an image inside; then pairs and sentences."""

    images: Sequence[str] = ()
    files: dict[str, Any] = field(default_factory=dict)
    inside: dict[str, Any] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    told: Sequence[str] = ()


CASES: dict[str, Case] = {
    "beside": Case(["a.jpg"], {"a.json": "a.jpg"}, pairs={"a.json": "a.jpg"}),
    "beside, renamed since": Case(["a.jpg"], {"a.json": "IMG_001.jpg"}, pairs={"a.json": "a.jpg"}),
    "beside, capitals in the suffix": Case(["a.JPG"], {"a.JSON": "x"}, pairs={"a.JSON": "a.JPG"}),
    "beside, without imagePath": Case(["a.jpg"], {"a.json": None}, pairs={"a.json": "a.jpg"}),
    "named after the whole name": Case(["a.jpg"], {"a.jpg.json": "x"}, pairs={"a.jpg.json": "a.jpg"}),
    "dots in the name": Case(["a.b.c.png"], {"a.b.c.json": "x"}, pairs={"a.b.c.json": "a.b.c.png"}),
    "another name": Case(["photo.png"], {"n.json": "photo.png"}, pairs={"n.json": "photo.png"}),
    "windows": Case(["photo.png"], {"n.json": "C:\\Users\\me\\photo.png"}, pairs={"n.json": "photo.png"}),
    "windows, relative": Case(["b/photo.png"], {"a/n.json": "..\\b\\photo.png"}, pairs={"a/n.json": "b/photo.png"}),
    "windows, a drive and a name": Case(
        ["photo.png"], {"n.json": "C:photo.png"}, told=[GONE.format("n.json", "C:photo.png"), BARE.format("photo.png")]
    ),
    "without a suffix": Case(["b/photo.png"], {"a/n.json": "../b/photo"}, pairs={"a/n.json": "b/photo.png"}),
    "without a suffix, which two have": Case(
        ["b/photo.png", "b/photo.jpg"],
        {"a/n.json": "../b/photo"},
        told=[GONE.format("a/n.json", "../b/photo"), BARE.format("b/photo.jpg"), BARE.format("b/photo.png")],
    ),
    "a folder, whose name an image has": Case(
        ["a.png"],
        {"a/n.json": "", "a/b/n.json": "..", "a/m.json": "."},
        told=[
            GONE.format("a/b/n.json", ".."),
            GONE.format("a/m.json", "."),
            GONE.format("a/n.json", ""),
            BARE.format("a.png"),
        ],
    ),
    "another machine": Case(["photo.png"], {"n.json": "/home/me/photo.png"}, pairs={"n.json": "photo.png"}),
    "another folder": Case(["b/photo.png"], {"a/n.json": "../b/photo.png"}, pairs={"a/n.json": "b/photo.png"}),
    "a way about": Case(["b/photo.png"], {"a/n.json": "./../a/.././b//photo.png"}, pairs={"a/n.json": "b/photo.png"}),
    "beside wins over what imagePath says": Case(
        ["a.jpg", "b.jpg"], {"a.json": "b.jpg", "b.json": "b.jpg"}, pairs={"a.json": "a.jpg", "b.json": "b.jpg"}
    ),
    "of two the one that imagePath names": Case(
        ["a.jpg", "a.png"], {"a.json": "a.png"}, pairs={"a.json": "a.png"}, told=[BARE.format("a.jpg")]
    ),
    "of two the one of another machine": Case(
        ["a.jpg", "a.png"], {"a.json": "D:\\x\\a.jpg"}, pairs={"a.json": "a.jpg"}, told=[BARE.format("a.png")]
    ),
    "of two none": Case(
        ["a.jpg", "a.png"],
        {"a.json": "b.jpg"},
        told=[
            "a.json: 2 images have its name (.jpg, .png). Keep the one that was annotated, and move the others away.",
            BARE.format("a.jpg"),
            BARE.format("a.png"),
        ],
    ),
    "moved elsewhere": Case(
        ["img/a.jpg"], {"json/a.json": "a.jpg"}, pairs={"json/a.json": "img/a.jpg"}, told=[GUESS.format("json/a.json")]
    ),
    "moved elsewhere, from another machine": Case(
        ["x/img/train/a.jpg", "x/img/val/a.jpg"],
        {"x/json/train/a.json": "C:\\me\\img\\train\\a.jpg", "x/json/val/a.json": "/me/img/val/a.jpg"},
        pairs={"x/json/train/a.json": "x/img/train/a.jpg", "x/json/val/a.json": "x/img/val/a.jpg"},
        told=[GUESS.format("x/json/train/a.json"), GUESS.format("x/json/val/a.json")],
    ),
    "moved elsewhere, to two places": Case(
        ["p/a.jpg", "q/a.jpg"],
        {"json/a.json": "a.jpg"},
        told=[
            "json/a.json: several images have the name of its image. Put the right one beside it.",
            BARE.format("p/a.jpg"),
            BARE.format("q/a.jpg"),
        ],
    ),
    "capitals that a Mac or Windows does not tell apart": Case(
        ["A.JPG"], {"a.json": "a.jpg"}, pairs={"a.json": "A.JPG"}, told=[GUESS.format("a.json")]
    ),
    "capitals, imagePath": Case(
        ["Photo.PNG"], {"n.json": "photo.png"}, pairs={"n.json": "Photo.PNG"}, told=[GUESS.format("n.json")]
    ),
    "accents as a Mac stores them": Case(
        [unicodedata.normalize("NFD", "é.png")],
        {unicodedata.normalize("NFC", "é.json"): unicodedata.normalize("NFC", "é.png")},
        pairs={unicodedata.normalize("NFC", "é.json"): unicodedata.normalize("NFD", "é.png")},
        told=[GUESS.format(unicodedata.normalize("NFC", "é.json"))],
    ),
    "no image": Case([], {"a.json": "a.jpg"}, told=[GONE.format("a.json", "a.jpg")]),
    "no image, no name": Case([], {"a.json": None}, told=[GONE.format("a.json", "")]),
    "no image, a number as name": Case([], {"a.json": 5}, told=[GONE.format("a.json", "")]),
    "no image, a story as name": Case([], {"a.json": "x" * 5000}, told=[GONE.format("a.json", "x" * 57 + "...")]),
    "no image, a zero in the name": Case([], {"a.json": "a\0b"}, told=[GONE.format("a.json", "ab")]),
    "no image, a line in the name": Case([], {"a.json": "a\nb"}, told=[GONE.format("a.json", "a\\nb")]),
    "no image, a folder": Case(
        ["d/b.jpg"], {"a.json": "d", "d/b.json": "b.jpg"}, pairs={"d/b.json": "d/b.jpg"}, told=[GONE.format("a.json", "d")]
    ),
    "no image, dots": Case([], {"a.json": "..", "b.json": "."}, told=[GONE.format("a.json", ".."), GONE.format("b.json", ".")]),
    "outside": Case([], {"a.json": "../outside.png"}, told=[GONE.format("a.json", "../outside.png")]),
    "outside, absolute": Case([], {"a.json": "/etc/hostname"}, told=[GONE.format("a.json", "/etc/hostname")]),
    "another image of this name has its own file": Case(
        ["val/a.jpg"],
        {"train/a.json": "a.jpg", "val/a.json": "a.jpg"},
        pairs={"val/a.json": "val/a.jpg"},
        told=[GONE.format("train/a.json", "a.jpg")],
    ),
    "two files for one image": Case(
        ["a.png"],
        {"a.json": "a.png", "b.json": "a.png"},
        pairs={"a.json": "a.png"},
        told=[TWO.format("a.json", "b.json", "a.png")],
    ),
    "two guesses at one image": Case(
        ["c/a.png"],
        {"p/a.json": "a.png", "q/a.json": "a.png"},
        pairs={"p/a.json": "c/a.png"},
        told=[TWO.format("p/a.json", "q/a.json", "c/a.png"), GUESS.format("p/a.json")],
    ),
    "two suffixes of a JSON": Case(
        ["a.png"], {"a.json": "x", "a.JSON": "y"}, pairs={"a.JSON": "a.png"}, told=[TWO.format("a.JSON", "a.json", "a.png")]
    ),
    "inside": Case([], inside={"a.json": "a.jpg"}, pairs={"a.json": "a.json"}),
    "inside, below a folder": Case([], inside={"test/a.json": "..\\a.jpg"}, pairs={"test/a.json": "test/a.json"}),
    "inside, without imagePath": Case([], inside={"a.json": None}, pairs={"a.json": "a.json"}),
    "inside and beside: beside": Case(["a.png"], inside={"a.json": "x.png"}, pairs={"a.json": "a.png"}),
    "inside and pointed at: the file": Case(["b.png"], inside={"a.json": "b.png"}, pairs={"a.json": "b.png"}),
    "inside and several elsewhere: inside": Case(
        ["p/a.jpg", "q/a.jpg"],
        inside={"a.json": "a.jpg"},
        pairs={"a.json": "a.json"},
        told=[BARE.format("p/a.jpg"), BARE.format("q/a.jpg")],
    ),
    "inside, and others beside": Case(
        ["b.png"], {"b.json": "b.png"}, {"a.json": "gone.png"}, pairs={"a.json": "a.json", "b.json": "b.png"}
    ),
    "hidden": Case([".c/a.jpg", "a.jpg"], {".a.json": "x", "a.json": "x", ".c/a.json": "a.jpg"}, pairs={"a.json": "a.jpg"}),
}


def make(root: Path, case: Case, image_data: str) -> Path:
    Image.new("RGB", (6, 5)).save(root / "outside.png")
    folder = root / "data"
    folder.mkdir()
    for name in case.images:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5)).save(folder / name)
    for name, path in (case.files | case.inside).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        content = {"shapes": [], "imagePath": path, "imageData": image_data if name in case.inside else None}
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def image_data(tmp_path: Path) -> str:
    Image.new("RGB", (6, 5)).save(tmp_path / "outside.png")
    return base64.b64encode((tmp_path / "outside.png").read_bytes()).decode()


def sentences(found: ItemList) -> list[str]:
    return sorted(f"{'warning: ' if problem.warning else ''}{problem}" for problem in found.problems)


@pytest.mark.parametrize("name", CASES)
def test_each_json_finds_its_image(tmp_path: Path, name: str, image_data: str) -> None:
    case = CASES[name]
    found = labelme.find(make(tmp_path, case, image_data), "error")
    assert {item.annotation_name: item.source for item in found.items} == case.pairs
    assert sentences(found) == sorted(case.told)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.pairs])
def test_the_image_that_was_found_is_the_one_that_is_read(tmp_path: Path, name: str, image_data: str) -> None:
    """And it stays in the folder."""
    folder = make(tmp_path, CASES[name], image_data)
    for item in labelme.find(folder, "error").items:
        if item.source == item.annotation_name:
            assert item.image == Embedded(FileRange(folder / item.source), item.source)
            assert item.suffix == ".png"
        else:
            assert item.image == FileRange(folder / item.source)
            assert folder in (folder / item.source).resolve().parents
        assert item.annotation == FileRange(folder / item.annotation_name)


@pytest.mark.parametrize("image", ["a.avif", "C:\\x\\a.avif"])
def test_an_image_of_a_kind_that_is_not_read_is_reported(tmp_path: Path, image: str, image_data: str) -> None:
    folder = make(tmp_path, Case([], {"a.json": image}), image_data)
    (folder / "a.avif").touch()
    assert sentences(labelme.find(folder, "error")) == [
        'a.json: its image "a.avif" is of a kind that is not read. '
        "Save it under the same name as one of .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
    ]


def test_images_behind_links_are_found_as_dvc_links_them(tmp_path: Path, image_data: str) -> None:
    case = Case(["photo.png"], {"n.json": "C:\\photo.png"}, pairs={"n.json": "photo.png"})
    folder = make(tmp_path, case, image_data)
    (folder / "photo.png").rename(tmp_path / "0123abc")
    (folder / "photo.png").symlink_to(tmp_path / "0123abc")
    assert {item.annotation_name: item.source for item in labelme.find(folder, "error").items} == case.pairs


@pytest.mark.parametrize("way", ["data/../data", "data/."])
def test_the_way_to_the_folder_does_not_matter(tmp_path: Path, way: str, image_data: str) -> None:
    case = CASES["windows, relative"]
    make(tmp_path, case, image_data)
    assert {item.annotation_name: item.source for item in labelme.find(tmp_path / way, "error").items} == case.pairs


def test_several_images_of_a_name_are_one_id_too_many(tmp_path: Path, image_data: str) -> None:
    folder = make(tmp_path, Case(["a.jpg", "a.png"], {"a.json": "a.png"}), image_data)
    sentence = "a.jpg and a.png: images of the same name up to its suffix. Rename or remove all but one of them."
    assert sentences(labelme.find(folder, "background")) == [sentence]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "{",
            "line 1, column 2 of a.json: a JSON file that is broken (Expecting property name enclosed in double quotes). "
            "Save it again in labelme, or remove it.",
        ),
        (
            '{"images": [], "annotations": []}',
            "a.json: a JSON file that is not labelme's (it has no list of shapes). Move it out of the folder.",
        ),
    ],
)
def test_a_file_that_is_no_labelme_json_is_reported_with_and_without_image(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "a.json").write_text(content)
    found = labelme.find(tmp_path, "error")
    assert ([str(problem) for problem in found.problems], found.items) == ([sentence], ())
    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    whole = examine(data_params(tmp_path, "labelme"), (), tmp_path / "spool")
    assert [str(problem) for problem in whole.problems if not problem.warning] == [sentence]


@pytest.mark.parametrize(
    ("image_data", "sentence"),
    [
        ("abc", "a.json: an imageData that is no image in base64. Put the image file beside the JSON file."),
        ("AAAA", "a.json: an imageData that is no image in base64. Put the image file beside the JSON file."),
        (5, "a.json: an imageData that is no image in base64. Put the image file beside the JSON file."),
        (
            "iVBORw0KGgo=",
            "a.json: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif.",
        ),
    ],
)
def test_an_image_inside_that_is_none_is_reported(tmp_path: Path, image_data: Any, sentence: str) -> None:
    content = {"shapes": [], "imagePath": "a.png", "imageData": image_data}
    (tmp_path / "a.json").write_text(json.dumps(content))
    whole = examine(data_params(tmp_path, "labelme"), (), tmp_path / "spool")
    assert [str(problem) for problem in whole.problems if not problem.warning] == [sentence]
