"""Broken and odd folders of images and masks, beyond those of tests/annotations/test_mask_corpus.py."""

import os
import struct
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.annotations.mask_folders import blocks, folder, photo, save
from tests.corpus.build import photos
from tests.corpus.case import Case
from tests.corpus.labelme_cases import cut, steps


def case(name: str, make: Any, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "masks", make, errors, masks, warnings, keys)


def some(**masks: Any) -> Any:
    return lambda root: folder(root, **masks)


def at(path: str, values: Any, dtype: Any = np.uint8) -> Any:
    return lambda root: save(root / path, values, dtype)


def pair(image: str, mask: str, values: Any = None) -> Any:
    return steps(lambda r: photos(r, image), at(mask, blocks(0, 1) if values is None else values))


def written(name: str, content: str) -> Any:
    def make(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)

    return make


def palette(root: Path) -> None:
    photos(root, "images/a.jpg")
    picture = Image.fromarray(blocks(0, 1).astype(np.uint8))
    picture.putpalette([0, 0, 0, 255, 255, 255] * 128)
    save(root / "masks/a.png", picture)


def bomb(path: str) -> Any:
    """A PNG whose header promises 40,000 x 40,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")

    def make(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    return make


def turned(root: Path) -> None:
    """Photo and mask carry the same mark."""
    photo(root / "images/a.jpg", 8, 4, orientation=6)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "masks/a.png", blocks(0, 1).astype(np.uint8), exif=exif)


def linked(root: Path) -> None:
    folder(root, a=blocks(0, 1))
    for name in ("images", "masks"):
        (root / name).rename(root.parent / name)
        (root / name).symlink_to(root.parent / name)


def mixed_depth(root: Path) -> None:
    folder(root, a=blocks(0, 1), b=blocks(1, 0))
    save(root / "images/b.png", np.arange(32).reshape(4, 8) * 900, np.uint16)


def gray_and_colour(root: Path) -> None:
    folder(root, a=blocks(0, 1), b=blocks(1, 0))
    save(root / "images/b.png", np.arange(32).reshape(4, 8))


def twins(root: Path) -> None:
    folder(root, a=blocks(0, 1), b=blocks(1, 0))
    (root / "images/b.png").write_bytes((root / "images/a.png").read_bytes())


def everything(root: Path) -> None:
    for number in range(12):
        photos(root, f"images/bare{number:02}.png")
        save(root / f"masks/alone{chr(97 + number)}.png", blocks(0, 1))
    folder(root, a=blocks(0, 1), b=blocks(0, 1, 2), c=blocks(0, 1), d=blocks(0, 1))
    cut("images/a.png", 60)(root)
    save(root / "masks/c.png", blocks(0, 1, 1))
    photos(root, "images/e.png", "masks/e.jpg")
    bomb("images/f.png")(root)
    save(root / "masks/f.png", blocks(0, 1))


CAT_DOG = ("background", "cat", "dog")
CASES = [
    case("masks of another case", pair("images/Photo.JPG", "masks/photo.png"), masks={"Photo": "00001111"}),
    case("masks of another case in the suffix", pair("images/a.JPG", "masks/a.PNG"), masks={"a": "00001111"}),
    case("two masks for two images by case", steps(pair("images/A.jpg", "masks/a.png"), pair("images/a.jpg", "masks/A.png")), masks={"A": "00001111", "a": "00001111"}),
    case("same stem in two folders", steps(pair("images/x/a.jpg", "masks/x/a.png"), pair("images/y/a.jpg", "masks/y/a.png", blocks(1, 0))), masks={"x/a": "00001111", "y/a": "11110000"}),
    case("two images of one stem", steps(pair("images/a.jpg", "masks/a.png"), lambda r: photos(r, "images/a.png")), masks=None),
    case("two masks of one stem", steps(pair("images/a.jpg", "masks/a.png"), at("masks/a.bmp", blocks(0, 1))), masks=None),
    case("accents in two ways", pair(unicodedata.normalize("NFC", "images/é.jpg"), unicodedata.normalize("NFD", "masks/é.png")), masks={"é": "00001111"}),
    case("a template", pair("images/a b.jpg", "masks/a b_mask.png"), masks={"a b": "00001111"}),
    case("masks by another template", steps(pair("images/a_photo.jpg", "masks/a_mask.png"), pair("images/b_photo.jpg", "masks/b_mask.png")), masks={"a_photo": "00001111", "b_photo": "00001111"}),
    case("image without mask", steps(some(a=blocks(0, 1)), lambda r: photos(r, "images/b.jpg")), masks={"a": "00001111"}),
    case("image without mask is background", steps(some(a=blocks(0, 1)), lambda r: photos(r, "images/b.jpg")), masks={"a": "00001111", "b": "00000000"}, unannotated="background"),
    case("mask without image", steps(some(a=blocks(0, 1)), at("masks/b.png", blocks(0, 1))), masks=None),
    case("only masks", at("masks/a.png", blocks(0, 1)), masks=None),
    case("empty folder", lambda r: None, masks=None),
    case("folders behind links", linked, masks=None),
    case("given in folders", steps(pair("train/images/a.jpg", "train/masks/a.png"), pair("val/images/a.jpg", "val/masks/a.png")), masks={"train/a": "00001111", "val/a": "00001111"}),
    case("list with a name too many", steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\nc\n"), written("val.txt", "b\n")), masks=None),
    case("list with a name too few", steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\n")), masks=None),
    case("image in two lists", steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\nb\n"), written("val.txt", "b\n")), masks=None),
    case("mask off by one", steps(some(a=blocks(0, 1)), at("masks/a.png", np.eye(4, 9))), masks=None),
    case("mask of half the size", steps(some(a=blocks(0, 1)), at("masks/a.png", blocks(0, 1, side=2))), masks=None),
    case("mask lies on its side", steps(some(a=blocks(0, 1)), at("masks/a.png", blocks(0, 1).T)), masks=None),
    case("mask of one bit", some(a=blocks(False, True)), masks={"a": "00001111"}),
    case("mask with palette", palette, masks={"a": "00001111"}),
    case("mask with alpha", some(a=blocks((0, 0, 0, 255), (255, 255, 255, 255))), masks={"a": "00001111"}),
    case("mask as JPEG", steps(lambda r: photos(r, "images/a.png", "masks/a.jpg")), masks=None),
    case("255 is a class", some(a=blocks(0, 1, 255, 65535).astype(np.uint16)), masks={"a": "000011112222...."}, values="codes", codes=[0, 1, 255], classes=CAT_DOG, ignore_index=65535),
    case("ids from 1", some(a=blocks(1, 2)), masks={"a": "00001111"}),
    case("one id too many", some(a=blocks(0, 1, 2)), masks={"a": "000011112222"}),
    case("0 and 255", some(a=blocks(0, 255)), masks={"a": "00001111"}),
    case("both turned by EXIF", turned, masks={"a": "0000"}),
    case("class dropped", some(a=blocks(0, 1, 2)), masks={"a": "000000001111"}, classes=CAT_DOG, class_map={"cat": "__drop__"}),
    case("class ignored", some(a=blocks(0, 1, 2)), masks={"a": "0000....1111"}, classes=CAT_DOG, class_map={"cat": "__ignore__"}),
    case("classes merged", some(a=blocks(0, 1, 2)), masks={"a": "000011111111"}, classes=CAT_DOG, class_map={"cat": "animal", "dog": "animal"}),
    case("class dropped without background", some(a=blocks(0, 1)), masks=None, classes=("sky", "road"), class_map={"road": "__drop__"}),
    case("bomb", steps(some(a=blocks(0, 1)), bomb("images/a.png")), masks=None),
    case("bomb as mask", steps(some(a=blocks(0, 1)), bomb("masks/a.png")), masks=None),
    case("mask cut short", steps(some(a=blocks(0, 1)), cut("masks/a.png", 50)), masks=None),
    case("mask of fractions", steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, 0.5), np.float32)), masks=None),
    case("mask of floats", steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, 1.0), np.float32)), masks={"a": "00001111"}),
    case("mask of NaN", steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, float("nan")), np.float32)), masks=None),
    case("8 and 16 bits", mixed_depth, masks=None),
    case("gray and RGB", gray_and_colour, masks={"a": "00001111", "b": "11110000"}),
    case("same picture, other mask", twins, masks={"a": "00001111", "b": "11110000"}),
    case("everything ignored", some(a=blocks(255, 255)), masks=None),
    case("groups", steps(some(a=blocks(0, 1)), written("groups.csv", "image,group\na,p1\n")), masks={"a": "00001111"}, groups="groups.csv"),
    case("groups with a line too few", steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("groups.csv", "image,group\na,p1\n")), masks=None, groups="groups.csv"),
    case("groups of another file", some(a=blocks(0, 1)), masks=None, groups="patients.csv"),
    case("groups without a header", steps(some(a=blocks(0, 1)), written("groups.csv", "a,p1\n")), masks=None, groups="groups.csv"),
    case("pairs", steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,out/x.png\n")), masks={"in/1": "00001111"}, pairs="pairs.csv"),
    case("pairs of a file that is not there", steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,out/y.png\n")), masks=None, pairs="pairs.csv"),
    case("pairs upwards", steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,../x.png\n")), masks=None, pairs="pairs.csv"),
    case("DICOM beside", steps(some(a=blocks(0, 1)), lambda r: (r / "images/a.png").write_bytes(bytes(128) + b"DICM")), masks=None),
    case("everything at once", everything, masks=None),
]
