"""Broken and odd folders of labelme."""

import base64
import io
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.annotations.mask_folders import photo
from tests.corpus.build import LEFT, RIGHT, labelme, photos, shape
from tests.corpus.case import Case

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Any, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "labelme", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def png(values: Any) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(values, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def one(*shapes: Any, **keys: Any) -> Any:
    return lambda root: labelme(root / "a", *shapes, **keys)


def text(content: str | bytes) -> Any:
    def make(root: Path) -> None:
        photos(root, "a.jpg")
        (root / "a.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def steps(*makes: Any) -> Any:
    def make(root: Path) -> None:
        for each in makes:
            each(root)

    return make


def cut(name: str, size: int) -> Any:
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:size])


def linked(root: Path) -> None:
    labelme(root / "a", shape("cat"))
    (root.parent / "store").mkdir()
    (root / "a.jpg").rename(root.parent / "store/1f3a")
    (root / "a.jpg").symlink_to(root.parent / "store/1f3a")


def unreadable(root: Path) -> None:
    labelme(root / "a", shape("cat"))
    (root / "a.jpg").unlink()
    (root / "a.jpg").symlink_to(root / "gone.jpg")


def accents(root: Path) -> None:
    labelme(root / unicodedata.normalize("NFC", "été 1"), shape("cat"), image=unicodedata.normalize("NFD", "été 1.jpg"))


def wrong_everywhere(root: Path) -> None:
    """Every kind of mistake, most of them in more files than are shown."""
    for number in range(13):
        labelme(root / f"label{number:02}", shape("bird"))
        photos(root, f"bare{number:02}.jpg")
    labelme(root / "nan", shape("cat", [[0, 0], [float("nan"), 1], [1, 1]]))
    labelme(root / "kind", shape("cat", kind="blob"))
    labelme(root / "size", shape("cat"), imageWidth=80, imageHeight=40)
    labelme(root / "gone", shape("cat"), image=None, imagePath="gone.jpg")
    labelme(root / "cut", shape("cat"))
    cut("cut.jpg", 200)(root)
    text("{")(root)


CASES = [
    case("label in no list", one(shape("bird")), masks={"a": "33330000"}),
    case("two labels in no list", steps(one(shape("bird")), lambda r: labelme(r / "b", shape("cow", RIGHT))), masks={"a": "33330000", "b": "00004444"}),
    case("label of another case", one(shape("Cat")), masks={"a": "11110000"}),
    case("background's other case", one(shape("Background"), shape("cat", RIGHT)), masks={"a": "00001111"}),
    case("image without annotation", steps(one(shape("cat")), lambda r: photos(r, "b.jpg")), masks={"a": "11110000"}),
    case("image without annotation is background", steps(one(shape("cat")), lambda r: photos(r, "b.jpg")), masks={"a": "11110000", "b": "00000000"}, unannotated="background"),
    case("image without annotation is skipped", steps(one(shape("cat")), lambda r: photos(r, "b.jpg")), masks={"a": "11110000"}, unannotated="skip"),
    case("no label", one(shape("")), masks=None),
    case("label of blanks", one(shape("   ")), masks=None),
    case("label is null", one(shape(None)), masks=None),
    case("label is a number in no list", one(shape(7)), masks={"a": "33330000"}),
    case("blanks around a label", one(shape(" cat ")), masks={"a": "11110000"}),
    case("NaN", one(shape("cat", [[0, 0], [float("nan"), 1], [3, 3]])), masks=None),
    case("two points", one(shape("cat", [[0, 0], [3, 3]])), masks=None),
    case("no points", one(shape("cat", [])), masks=None),
    case("unknown type", one(shape("cat", kind="blob")), masks=None),
    case("outside", one(shape("cat"), shape("dog", [[20, 20], [30, 20], [30, 30]])), masks={"a": "11110000"}),
    case("no area", one(shape("cat", RIGHT), shape("dog", [[0, 0], [1, 1], [2, 2]])), masks={"a": "22001111"}),
    case("broken JSON", text('{"shapes": ['), masks=None),
    case("empty JSON", text(""), masks=None),
    case("JSON not in UTF-8", text('{"shapes": [], "imagePath": "é.jpg"}'.encode("latin-1")), masks=None),
    case("JSON says a key twice", text('{"shapes": [], "shapes": []}'), masks=None),
    case("JSON of something else", steps(one(shape("cat")), lambda r: (r / "settings.json").write_text('{"a": 1}')), masks=None),
    case("photo cut short", steps(one(shape("cat")), cut("a.jpg", 300)), masks=None),
    case("empty photo", steps(one(shape("cat")), cut("a.jpg", 0)), masks=None),
    case("text called jpg", steps(one(shape("cat")), lambda r: (r / "a.jpg").write_text("hello")), masks=None),
    case("another size", one(shape("cat"), imageWidth=16, imageHeight=8), masks=None),
    case("off by one", one(shape("cat"), imageWidth=8, imageHeight=5), masks=None),
    case("lying on its side", one(shape("cat"), orientation=6, imageWidth=8, imageHeight=4), masks=None),
    case("turned by EXIF", one(shape("cat", [[0, 0], [1, 0], [1, 7], [0, 7]]), orientation=6, imageWidth=4, imageHeight=8), masks={"a": "1100"}),
    case("no image", one(shape("cat"), image=None, imagePath="b.jpg"), masks=None),
    case("image of a kind that is not read", steps(one(shape("cat"), image=None, imagePath="a.gif"), lambda r: (r / "a.gif").touch()), masks=None),
    case("two images of its name", steps(one(shape("cat"), image="c.jpg", imagePath="c.jpg"), lambda r: photos(r, "a.jpg", "a.png")), masks=None),
    case("two files for one image", steps(one(shape("cat")), lambda r: labelme(r / "b", shape("cat"), image="a.jpg")), masks=None),
    case("same stem in two folders", steps(lambda r: labelme(r / "x/a", shape("cat")), lambda r: labelme(r / "y/a", shape("dog"))), masks={"x/a": "11110000", "y/a": "22220000"}),
    case("given parts", steps(lambda r: labelme(r / "train/a", shape("cat")), lambda r: labelme(r / "val/a", shape("dog"))), masks={"train/a": "11110000", "val/a": "22220000"}),
    case("Windows path", one(shape("cat"), image="b.jpg", imagePath="C:\\Users\\me\\b.jpg"), masks={"b": "11110000"}),
    case("path upwards", one(shape("cat"), image=None, imagePath="../../../etc/passwd"), masks=None),
    case("image in a folder beside", steps(lambda r: photos(r, "images/a.jpg"), lambda r: labelme(r / "labels/a", shape("cat"), image=None, imagePath="../images/a.jpg")), masks={"images/a": "11110000"}),
    case("accents in two ways", accents, masks={unicodedata.normalize("NFD", "été 1"): "11110000"}),
    case("blanks and a long name", lambda r: labelme(r / ("a b " * 50), shape("cat")), masks={"a b " * 50: "11110000"}),
    case("image behind a link", linked, masks={"a": "11110000"}),
    case("image behind a broken link", unreadable, masks=None),
    case("embedded", one(shape("cat"), image=None, imageData=png(np.arange(96).reshape(4, 8, 3))), masks={"a": "11110000"}),
    case("embedded rubbish", one(shape("cat"), image=None, imageData="aGVsbG8="), masks=None),
    case("hole in a group", one(shape("cat", [[0, 0], [7, 0], [7, 3], [0, 3]], group_id=1), shape("cat", [[2, 0], [4, 0], [4, 3], [2, 3]], group_id=1)), masks={"a": "11000111"}),
    case("ignored", one(shape("cat"), shape("__ignore__", RIGHT)), masks={"a": "1111...."}),
    case("later on top", one(shape("dog"), shape("cat", [[2, 0], [7, 0], [7, 3], [2, 3]])), masks={"a": "22111111"}),
    case("class on top", one(shape("dog"), shape("cat", [[2, 0], [7, 0], [7, 3], [2, 3]])), masks={"a": "22221111"}, shapes={"overlap": "priority"}),
    case("smaller on top", one(shape("dog"), shape("cat", [[0, 0], [7, 0], [7, 3], [0, 3]])), masks={"a": "22221111"}, shapes={"overlap": "smaller"}),
    case("mask shape", one(shape("cat", [[1, 0], [2, 1]], "mask", mask=png([[255, 0], [0, 255]]))), masks={"a": "01000000"}),
    case("mask shape of another size", one(shape("cat", [[1, 0], [6, 3]], "mask", mask=png([[1, 1], [1, 1]]))), masks=None),
    case("mask shape without pixels", one(shape("cat", [[1, 0], [6, 3]], "mask", mask=None)), masks=None),
    case("classes merged", one(shape("cat"), shape("dog", RIGHT)), masks={"a": "11111111"}, class_map={"cat": "animal", "dog": "animal"}),
    case("class dropped", one(shape("cat"), shape("dog", RIGHT)), masks={"a": "11110000"}, class_map={"dog": "__drop__"}),
    case("class ignored", one(shape("cat"), shape("dog", RIGHT)), masks={"a": "1111...."}, class_map={"dog": "__ignore__"}),
    case("all classes dropped", one(shape("cat")), masks=None, class_map={"cat": "__drop__", "dog": "__drop__"}),
    case("class_map of a class that is nowhere", one(shape("cat")), masks={"a": "11110000"}, class_map={"kat": "cat"}),
    case("nothing drawn", one(), masks=None),
    case("empty folder", lambda r: None, masks=None),
    case("same picture, other shapes", steps(one(shape("cat")), lambda r: (r / "b.jpg").write_bytes((r / "a.jpg").read_bytes()), lambda r: labelme(r / "b", shape("dog"), image=None)), masks={"a": "11110000", "b": "22220000"}),
    case("everything at once", wrong_everywhere, masks=None),
]
