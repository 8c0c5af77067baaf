"""Broken and odd folders of images and masks, beyond those of tests/annotations/formats/masks/test_corpus.py."""

import struct
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotations.formats.masks.folders import blocks, folder, save
from tests.corpus.build import Make, cut, photo, photos, steps, written
from tests.corpus.case import Case, check

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "masks", make, errors, masks, warnings, keys)


def some(**masks: Any) -> Make:
    return lambda root: folder(root, **masks)


def at(path: str, values: Any, dtype: Any = np.uint8) -> Make:
    return lambda root: save(root / path, values, dtype)


def pair(image: str, mask: str, values: Any = None) -> Make:
    return steps(lambda r: photos(r, image), at(mask, blocks(0, 1) if values is None else values))


def palette(root: Path) -> None:
    photos(root, "images/a.jpg")
    picture = Image.fromarray(blocks(0, 1).astype(np.uint8))
    picture.putpalette([0, 0, 0, 255, 255, 255] * 128)
    save(root / "masks/a.png", picture)


def bomb(path: str) -> Make:
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


def same_image_twice(root: Path) -> None:
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


BY_FOLDER = {"template": "{class}/{stem}", "values": "binary", "classes": CAT_DOG}


def stripes(*values: int) -> np.ndarray:
    """A mask of 8 x 4 pixels of two columns for each value."""
    return np.tile(blocks(*values, side=2), (2, 1)).astype(np.uint8)


def by_class(mask: str, kinds: tuple[str, ...] = ("cat", "dog")) -> Make:
    """Three images, each with a mask for each kind: two pixels wide, one behind the other."""
    own = {kind: stripes(*(255 * (place == number) for place in range(4))) for number, kind in enumerate(kinds, 1)}
    masks = [at(mask.format(name=name, kind=kind), values) for name in "abc" for kind, values in own.items()]
    return steps(lambda r: photos(r, *(f"images/{name}.jpg" for name in "abc")), *masks)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

CASES = [
    case(
        "pointers of Git LFS",
        steps(pair("images/a.png", "masks/a.png"), written("images/b.png", POINTER), written("masks/b.png", POINTER)),
        errors=(
            "images/b.png: a pointer of Git LFS in place of the file itself. Run `git lfs pull` in the repository it came with."
        ),
    ),
    case(
        "a mask that is a pointer of Git LFS",
        steps(pair("images/a.png", "masks/a.png"), written("masks/a.png", POINTER)),
        errors=(
            "masks/a.png: a pointer of Git LFS in place of the file itself. Run `git lfs pull` in the repository it came with."
        ),
    ),
    case(
        "masks of another case",
        pair("images/Photo.JPG", "masks/photo.png"),
        masks={"Photo": "00001111"},
        warnings=(
            "images/Photo.JPG: its mask's name differs in upper and lower case only, or in how an accent is "
            "written. They are taken for a pair; give both one name."
        ),
    ),
    case("masks of another case in the suffix", pair("images/a.JPG", "masks/a.PNG"), masks={"a": "00001111"}),
    case(
        "two masks for two images by case",
        steps(pair("images/A.jpg", "masks/a.png"), pair("images/a.jpg", "masks/A.png")),
        masks={"A": "00001111", "a": "00001111"},
    ),
    case(
        "same stem in two folders",
        steps(pair("images/x/a.jpg", "masks/x/a.png"), pair("images/y/a.jpg", "masks/y/a.png", blocks(1, 0))),
        masks={"x/a": "00001111", "y/a": "11110000"},
    ),
    case(
        "two images of one stem",
        steps(pair("images/a.jpg", "masks/a.png"), lambda r: photos(r, "images/a.png")),
        errors=("images/a.jpg and images/a.png: images of the same name up to its suffix. Rename or remove all but one of them."),
    ),
    case(
        "two masks of one stem",
        steps(pair("images/a.jpg", "masks/a.png"), at("masks/a.bmp", blocks(0, 1))),
        errors=(
            "masks/a.bmp and masks/a.png: masks of one image and of the same name up to its suffix. Remove all but one of them."
        ),
    ),
    case(
        "accents in two ways",
        pair(unicodedata.normalize("NFC", "images/é.jpg"), unicodedata.normalize("NFD", "masks/é.png")),
        masks={"é": "00001111"},
        warnings=(
            "images/é.jpg: its mask's name differs in upper and lower case only, or in how an accent is "
            "written. They are taken for a pair; give both one name."
        ),
    ),
    case(
        "a template",
        pair("images/a b.jpg", "masks/a b_mask.png"),
        errors=(
            "masks/a b_mask.png: a mask without an image of its name, but with one whose name differs as all "
            "others do. Let data.masks.template say how masks are called.\n"
            "  params.yaml: data.masks.template: {stem}_mask"
        ),
        masks={"a b": "00001111"},
    ),
    case(
        "masks by another template",
        steps(pair("images/a_photo.jpg", "masks/a_mask.png"), pair("images/b_photo.jpg", "masks/b_mask.png")),
        errors=(
            "2 files: a mask without an image of its name, but with one whose name differs as all others do. "
            "Let data.masks.template say how masks are called.\n"
            "  masks/a_mask.png, masks/b_mask.png\n"
            "  params.yaml: data.masks.template: {stem}_photo > {stem}_mask"
        ),
        masks={"a_photo": "00001111", "b_photo": "00001111"},
    ),
    case(
        "image without mask",
        steps(some(a=blocks(0, 1)), lambda r: photos(r, "images/b.jpg")),
        errors=(
            "images/b.jpg: an image without a mask. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "image without mask is background",
        steps(some(a=blocks(0, 1)), lambda r: photos(r, "images/b.jpg")),
        masks={"a": "00001111", "b": "00000000"},
        unannotated="background",
    ),
    case(
        "mask without image",
        steps(some(a=blocks(0, 1)), at("masks/b.png", blocks(0, 1))),
        errors="masks/b.png: a mask without an image. Add its image, or remove it.",
    ),
    case(
        "only masks",
        at("masks/a.png", blocks(0, 1)),
        errors=(
            'x: no folder "images" with images in it. '
            'Put images into "images" and masks into "masks", or name your folders in data.masks.'
        ),
    ),
    case(
        "empty folder",
        lambda r: None,
        errors=('x: no images in it. Put images into "images" and masks into "masks", or name your folders in data.masks.'),
    ),
    case(
        "folders behind links",
        linked,
        errors=(
            "images, masks: 2 links that lead out of ROOT, where nothing is read or copied. "
            "Copy the folder with the files behind its links, and use the copy: cp -rL ROOT ROOT-copy"
        ),
    ),
    case(
        "given in folders",
        steps(pair("train/images/a.jpg", "train/masks/a.png"), pair("val/images/a.jpg", "val/masks/a.png")),
        masks={"train/a": "00001111", "val/a": "00001111"},
    ),
    case(
        "list with a name too many",
        steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\nc\n"), written("val.txt", "b\n")),
        errors="c: named in a list but not in the folder. Add it, or take it off the list.",
    ),
    case(
        "list with a name too few",
        steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\n")),
        errors="b: in the folder but in none of its lists. Add it to train.txt, val.txt or test.txt.",
    ),
    case(
        "image in two lists",
        steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("train.txt", "a\nb\n"), written("val.txt", "b\n")),
        errors="b: in the lists of train and val. Take it off one of them: no image may be in two parts.",
    ),
    case(
        "mask off by one",
        steps(some(a=blocks(0, 1)), at("masks/a.png", np.eye(4, 9))),
        errors=("masks/a.png: 9 x 4 pixels, but the image has 8 x 4. Make the mask again from the image it belongs to."),
    ),
    case(
        "mask of half the size",
        steps(some(a=blocks(0, 1)), at("masks/a.png", blocks(0, 1, side=2))),
        errors=(
            "masks/a.png: made at another resolution: 2 times smaller than its image. "
            "Resize it to its image by nearest neighbour, or take the images that it was made from."
        ),
    ),
    case(
        "mask lies on its side",
        steps(some(a=blocks(0, 1)), at("masks/a.png", blocks(0, 1).T)),
        errors=(
            "masks/a.png: 4 x 8 pixels, but the image has 8 x 4: it lies on its side. "
            "Turn it as the image is, or make it again from the image it belongs to."
        ),
    ),
    case("mask of one bit", some(a=blocks(False, True)), masks={"a": "00001111"}),
    case("mask with palette", palette, masks={"a": "00001111"}),
    case(
        "mask with alpha",
        some(a=blocks((0, 0, 0, 255), (255, 255, 255, 255))),
        errors=(
            "masks/a.png: only the values 0 and 255, as in a picture in black and white. "
            "Read them as background and object.\n"
            "  params.yaml: data.masks.values: binary"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "mask as JPEG",
        steps(lambda r: photos(r, "images/a.png", "masks/a.jpg")),
        errors="masks/a.jpg: a mask saved as JPEG, which changes class ids. Save masks as PNG.",
    ),
    case(
        "255 is a class",
        some(a=blocks(0, 1, 255, 65535).astype(np.uint16)),
        masks={"a": "000011112222...."},
        values="codes",
        codes=[0, 1, 255],
        classes=CAT_DOG,
        ignore_index=65535,
    ),
    case(
        "ids from 1",
        some(a=blocks(1, 2)),
        errors=(
            "masks/a.png: the values 1 to 2 for the classes 0 to 1: they count from 1. "
            "Say that the first class is 1.\n"
            "  params.yaml: data.masks.values: codes\n"
            "  params.yaml: data.masks.codes: 1, 2"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "one id too many",
        some(a=blocks(0, 1, 2)),
        errors=(
            "masks/a.png: values that are no class: 2. data.masks.classes names 0 to 1. "
            "Name every class, or let data.masks.ignore_index be the value that is not looked at.\n"
            "  params.yaml: data.masks.classes: add class_2"
        ),
        masks={"a": "000011112222"},
    ),
    case(
        "0 and 255",
        some(a=blocks(0, 255)),
        errors=(
            "masks/a.png: only the values 0 and 255, as in a picture in black and white. "
            "Read them as background and object.\n"
            "  params.yaml: data.masks.values: binary"
        ),
        masks={"a": "00001111"},
    ),
    case("both turned by EXIF", turned, masks={"a": "0000"}),
    case("class dropped", some(a=blocks(0, 1, 2)), masks={"a": "000000001111"}, classes=CAT_DOG, class_map={"cat": "__drop__"}),
    case("class ignored", some(a=blocks(0, 1, 2)), masks={"a": "0000....1111"}, classes=CAT_DOG, class_map={"cat": "__ignore__"}),
    case(
        "classes merged",
        some(a=blocks(0, 1, 2)),
        masks={"a": "000011111111"},
        classes=CAT_DOG,
        class_map={"cat": "animal", "dog": "animal"},
    ),
    case(
        "class dropped without background",
        some(a=blocks(0, 1)),
        errors="data.class_map: leaves only the class sky; 2 to 255 are needed. Take out some of its lines.",
        classes=("sky", "road"),
        class_map={"road": "__drop__"},
    ),
    case(
        "bomb",
        steps(some(a=blocks(0, 1)), bomb("images/a.png")),
        errors=(
            "images/a.png: more pixels than any reader takes, above the limit of 268435456. Cut it into parts, or shrink it."
        ),
    ),
    case(
        "bomb as mask",
        steps(some(a=blocks(0, 1)), bomb("masks/a.png")),
        errors=("masks/a.png: more pixels than any reader takes, above the limit of 268435456. Cut it into parts, or shrink it."),
    ),
    case(
        "mask cut short",
        steps(some(a=blocks(0, 1)), cut("masks/a.png", 50)),
        errors=("masks/a.png: a damaged image (image file is truncated). Copy it again from where it came, or remove it."),
    ),
    case(
        "mask of fractions",
        steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, 0.5), np.float32)),
        errors=(
            "masks/a.tif: a mask of 32 bits with fractions and not class ids. "
            "Save one 8- or 16-bit channel, a pixel's value being its class."
        ),
    ),
    case(
        "mask of floats",
        steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, 1.0), np.float32)),
        masks={"a": "00001111"},
    ),
    case(
        "mask of NaN",
        steps(lambda r: photos(r, "images/a.png"), at("masks/a.tif", blocks(0.0, float("nan")), np.float32)),
        errors=(
            "masks/a.tif: a mask of 32 bits with values below 0, above 65535 or no numbers at all. "
            "Save one 8- or 16-bit channel, a pixel's value being its class."
        ),
    ),
    case(
        "8 and 16 bits",
        mixed_depth,
        errors="images/b.png: 16 bits a channel where other images have 8. Bring all images to one depth.",
    ),
    case("gray and RGB", gray_and_colour, masks={"a": "00001111", "b": "11110000"}),
    case(
        "same picture, other mask",
        same_image_twice,
        masks={"a": "00001111", "b": "11110000"},
        warnings=(
            "2 files: the same picture as another, with another annotation. Keep the right one of them.\n"
            "  images/a.png, images/b.png"
        ),
    ),
    case(
        "everything ignored",
        some(a=blocks(255, 255)),
        errors=(
            "all masks: only class 0 in them, so there is nothing to learn. "
            "Their other value is the ignored 255: save the object's pixels as 1."
        ),
    ),
    case(
        "groups",
        steps(some(a=blocks(0, 1)), written("groups.csv", "image,group\na,p1\n")),
        masks={"a": "00001111"},
        groups="groups.csv",
    ),
    case(
        "groups with a line too few",
        steps(some(a=blocks(0, 1), b=blocks(0, 1)), written("groups.csv", "image,group\na,p1\n")),
        errors="images/b.png: an image that groups.csv does not name. Add a line for it, or set data.groups to none.",
        groups="groups.csv",
    ),
    case(
        "groups of another file",
        some(a=blocks(0, 1)),
        errors="data.groups: patients.csv is no file below ROOT. Write a path below data.path, or none.",
        groups="patients.csv",
    ),
    case(
        "groups without a header",
        steps(some(a=blocks(0, 1)), written("groups.csv", "a,p1\n")),
        errors="groups.csv: no column image and group, or no rows. Write the columns image and group.",
        groups="groups.csv",
    ),
    case(
        "pairs",
        steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,out/x.png\n")),
        masks={"in/1": "00001111"},
        pairs="pairs.csv",
    ),
    case(
        "pairs of a file that is not there",
        steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,out/y.png\n")),
        errors="pairs.csv, line 2: names out/y.png, which is not there. Correct the path, or remove the line.",
        pairs="pairs.csv",
    ),
    case(
        "pairs upwards",
        steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,../x.png\n")),
        errors="pairs.csv, line 2: names a mask outside data.path. Write a path below data.path.",
        pairs="pairs.csv",
    ),
    case(
        "DICOM beside",
        steps(some(a=blocks(0, 1)), lambda r: (r / "images/a.png").write_bytes(bytes(128) + b"DICM")),
        errors="images/a.png: a DICOM file. Export it as PNG, 8 or 16 bits; DICOM is not read.",
    ),
    case(
        "image without mask is skipped",
        steps(some(a=blocks(0, 1)), lambda r: photos(r, "images/b.jpg")),
        masks={"a": "00001111"},
        warnings="images/b.jpg: an image without a mask. It was left out, as data.unannotated says.",
        unannotated="skip",
    ),
    case(
        "empty mask file",
        steps(some(a=blocks(0, 1)), lambda r: (r / "masks/a.png").write_bytes(b"")),
        errors=(
            "masks/a.png: an empty file. Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
        ),
    ),
    case(
        "photos as masks",
        lambda r: photos(r, "images/a.png", "masks/a.png", "images/b.png", "masks/b.png"),
        errors=(
            "2 files: 64 colours and not class ids: 10 125 189, 10 211 28, 11 180 56, 12 27 216, "
            "15 78 199, 22 206 95, 24 146 64, 28 19 236 and 56 more. These hardly are classes. "
            "Save each pixel as the number of its class.\n"
            "  masks/a.png, masks/b.png"
        ),
    ),
    case(
        "images and masks changed over",
        pair("images/a.png", "masks/a.png"),
        errors=(
            "images/a.png: 32 colours and not class ids: 12 215 35, 26 146 32, 30 20 67, 32 94 95, 34 246 25, "
            "51 119 230, 60 241 210, 69 111 20 and 24 more. These hardly are classes. "
            "Save each pixel as the number of its class."
        ),
        image_dir="masks",
        mask_dir="images",
    ),
    case(
        "fewer colours than classes",
        some(a=blocks((0, 0, 0), (255, 0, 0))),
        errors=(
            "masks/a.png: 2 colours and not class ids: 0, 255 0 0. "
            "Say which class each colour is, in the order of the classes. "
            "data.masks.classes names 3: set data.masks.values to codes, and list as many in "
            "data.masks.codes."
        ),
        classes=CAT_DOG,
    ),
    case(
        "colours",
        some(a=blocks((0, 0, 0), (255, 0, 0))),
        errors=(
            "masks/a.png: 2 colours and not class ids: 0, 255 0 0. "
            "Say which class each colour is, in the order of the classes.\n"
            "  params.yaml: data.masks.values: codes\n"
            "  params.yaml: data.masks.codes: 0 0 0, 255 0 0"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "codes for another number of classes",
        some(a=blocks(0, 7)),
        errors=(
            "data.masks.codes: has 3 entries for the 2 of data.masks.classes. "
            "Write one for each class, in the same order; a class called __ignore__ is ignored."
        ),
        values="codes",
        codes=[0, 7, 9],
    ),
    case(
        "code that is none",
        some(a=blocks(0, 7)),
        errors='data.masks.codes: "red" is no value of a mask. Write a number such as 7, or a colour as 255 0 0.',
        values="codes",
        codes=[0, "red"],
    ),
    case(
        "black and white with three classes",
        some(a=blocks(0, 255)),
        errors=(
            "masks/a.png: only the values 0 and 255, as in a picture in black and white. "
            "Read them as background and object.\n"
            "  params.yaml: data.masks.values: binary\n"
            "  params.yaml: data.masks.classes: background, object"
        ),
        masks={"a": "00001111"},
        classes=CAT_DOG,
    ),
    case(
        "stretched ids",
        some(a=blocks(0, 127, 254)),
        errors=(
            "masks/a.png: the values 0, 127, 254, evenly spaced: class ids stretched to be visible. "
            "Say which class each value is, in the order of the classes.\n"
            "  params.yaml: data.masks.values: codes\n"
            "  params.yaml: data.masks.codes: 0, 127, 254\n"
            "  params.yaml: data.masks.classes: add class_2"
        ),
        masks={"a": "000011112222"},
    ),
    case(
        "values that the codes lack",
        some(a=blocks(0, 7, 9)),
        errors=(
            "masks/a.png: values that data.masks.codes does not list: 9. "
            "Add each with its class (one called __ignore__ is ignored), or correct the masks.\n"
            "  params.yaml: data.masks.codes: add 9\n"
            "  params.yaml: data.masks.classes: add class_2"
        ),
        masks={"a": "000011112222"},
        values="codes",
        codes=[0, 7],
    ),
    case(
        "255 and no 65535",
        some(a=blocks(0, 1, 65535).astype(np.uint16)),
        errors=(
            "masks/a.png: the value 65535, which is no class, while 255, the ignored one, is in no mask. "
            "If it means that a pixel is not looked at, say so.\n"
            "  params.yaml: data.masks.ignore_index: 65535"
        ),
        masks={"a": "00001111...."},
    ),
    case(
        "group twice",
        steps(some(a=blocks(0, 1)), written("groups.csv", "image,group\na,p1\na.png,p2\n")),
        errors=('groups.csv, line 3: puts "a.png" into two groups. An image belongs to one group: take off one line.'),
        groups="groups.csv",
    ),
    case(
        "lists of VOC beside masks",
        steps(
            pair("images/a.jpg", "masks/a.png"),
            pair("images/b.jpg", "masks/b.png"),
            written("ImageSets/Segmentation/train.txt", "a\n"),
            written("ImageSets/Segmentation/val.txt", "b\n"),
        ),
        masks={"a": "00001111", "b": "00001111"},
    ),
    case(
        "folder of another case",
        pair("Images/a.jpg", "masks/a.png"),
        errors=(
            'x: no folder "images" with images in it, but "Images", which differs in upper and lower case '
            "only. Name the folder as it is.\n"
            "  params.yaml: data.masks.image_dir: Images"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "pair listed twice",
        steps(pair("in/1.jpg", "out/x.png"), written("pairs.csv", "image,mask\nin/1.jpg,out/x.png\nin/1.jpg,out/x.png\n")),
        errors=(
            "pairs.csv, line 3: names the image in/1.jpg a second time, after line 2. "
            "Remove one of the two lines, or add a column class where each mask is of one class."
        ),
        pairs="pairs.csv",
    ),
    case(
        "class_map of a class that is nowhere",
        some(a=blocks(0, 1)),
        masks={"a": "00001111"},
        warnings=('data.class_map: maps "kat", but no class and no label is called so. Correct its spelling, or take it out.'),
        class_map={"kat": "object"},
    ),
    case(
        "a mask for each class",
        by_class("masks/{name}_{kind}.png"),
        errors=(
            "6 files: a mask of one class, as its name says, where each image has several: cat, dog. "
            "Let data.masks.template say how masks are called.\n"
            "  masks/a_cat.png, masks/a_dog.png, masks/b_cat.png, masks/b_dog.png, masks/c_cat.png, masks/c_dog.png\n"
            "  params.yaml: data.masks.template: {stem}_{class}\n"
            "  params.yaml: data.masks.classes: background, cat, dog\n"
            "  params.yaml: data.masks.values: binary"
        ),
        masks=dict.fromkeys("abc", "00112200"),
    ),
    case(
        "a folder for each class",
        by_class("masks/{kind}/{name}.png"),
        errors=(
            "6 files: a mask of one class, as its name says, where each image has several: cat, dog. "
            "Let data.masks.template say how masks are called.\n"
            "  masks/cat/a.png, masks/cat/b.png, masks/cat/c.png, masks/dog/a.png, masks/dog/b.png, masks/dog/c.png\n"
            "  params.yaml: data.masks.template: {class}/{stem}\n"
            "  params.yaml: data.masks.classes: background, cat, dog\n"
            "  params.yaml: data.masks.values: binary"
        ),
        masks=dict.fromkeys("abc", "00112200"),
    ),
    case(
        "masks of classes as they should be",
        by_class("masks/{kind}/{name}.png"),
        masks=dict.fromkeys("abc", "00112200"),
        **BY_FOLDER,
    ),
    case(
        "masks of classes, two merged",
        by_class("masks/{kind}/{name}.png"),
        masks=dict.fromkeys("abc", "00111100"),
        class_map={"cat": "animal", "dog": "animal"},
        **BY_FOLDER,
    ),
    case(
        "masks of classes, one left out and one ignored",
        by_class("masks/{kind}/{name}.png", kinds=("cat", "dog", "cow")),
        masks=dict.fromkeys("abc", "0000..22"),
        class_map={"cat": "__drop__", "dog": "__ignore__", "cow": "ox"},
        **BY_FOLDER | {"classes": ("background", "horse", "cat", "dog", "cow")},
    ),
    case(
        "a mask of a class that lies under another",
        steps(by_class("masks/{kind}/{name}.png"), at("masks/dog/b.png", stripes(0, 255, 255, 255))),
        errors=(
            "masks/cat/b.png and masks/dog/b.png: the object of cat lies wholly under that of a later class. "
            "Let the smaller one win, or name the class later in data.masks.classes.\n"
            "  params.yaml: data.shapes.overlap: smaller"
        ),
        masks={"a": "00112200", "b": "00112222", "c": "00112200"},
        **BY_FOLDER,
    ),
    case(
        "a whole mask as that of a class",
        steps(by_class("masks/{kind}/{name}.png"), at("masks/dog/b.png", stripes(0, 1, 2, 3))),
        errors=(
            "masks/dog/b.png: more values than 0 and one other in a mask of one class: 0, 1, 2, 3. "
            "Save the pixels of the class as one value, or take the file away if it is no mask of a class."
        ),
        **BY_FOLDER,
    ),
    case(
        "one lesion more",
        steps(*(pair(f"{name}.png", f"{name}_mask.png") for name in "abc"), at("a_mask_1.png", blocks(1, 0))),
        errors=(
            "a_mask.png and a_mask_1.png: by their names masks of one image, which nothing joins. "
            "To join them, let data.masks.template say so; or remove all but one.\n"
            "  params.yaml: data.masks.template: {stem}_mask{part}"
        ),
        masks={"a": "11111111", "b": "00001111", "c": "00001111"},
        image_dir=".",
        mask_dir=".",
        template="{stem}_mask",
    ),
    case(
        "masks that may be anything",
        steps(*(pair(f"images/{name}.png", f"masks/{name}.png") for name in "abc"), at("masks/a_old.png", blocks(1, 0))),
        errors=(
            "masks/a.png and masks/a_old.png: by their names masks of one image, which nothing joins. Remove all but one, "
            "add the images that they belong to, or list all masks with their classes in pairs.csv in this folder (columns "
            "image, mask, class), and give the command again."
        ),
    ),
    case(
        "SegNet's folders",
        steps(*(pair(f"{part}/1.png", f"{part}annot/1.png") for part in ("train", "val", "test"))),
        masks={"train/1": "00001111", "val/1": "00001111", "test/1": "00001111"},
        image_dir=".",
        mask_dir="*annot",
    ),
    case(
        "pairs with classes",
        steps(
            by_class("out/{name}-{kind}.png"),
            written(
                "pairs.csv",
                "image,mask,class\n"
                + "".join(f"images/{name}.jpg,out/{name}-{kind}.png,{kind}\n" for name in "abc" for kind in ("dog", "cat")),
            ),
        ),
        masks={f"images/{name}": "00112200" for name in "abc"},
        pairs="pairs.csv",
        values="binary",
        classes=CAT_DOG,
    ),
    case(
        "everything at once",
        everything,
        errors=(
            "masks/c.png: 12 x 4 pixels, but the image has 8 x 4. "
            "Make the mask again from the image it belongs to.\n"
            "masks/e.jpg: a mask saved as JPEG, which changes class ids. Save masks as PNG.\n"
            "12 files: a mask without an image. Add its image, or remove it.\n"
            "  masks/alonea.png, masks/aloneb.png, masks/alonec.png, masks/aloned.png, masks/alonee.png, "
            "masks/alonef.png, masks/aloneg.png, masks/aloneh.png, masks/alonei.png, masks/alonej.png and 2 "
            "more\n"
            "12 files: an image without a mask. Annotate it, or set data.unannotated to skip or background.\n"
            "  images/bare00.png, images/bare01.png, images/bare02.png, images/bare03.png, images/bare04.png, "
            "images/bare05.png, images/bare06.png, images/bare07.png, images/bare08.png, images/bare09.png "
            "and 2 more\n"
            "  params.yaml: data.unannotated: skip\n"
            "images/f.png: more pixels than any reader takes, above the limit of 268435456. "
            "Cut it into parts, or shrink it.\n"
            "images/a.png: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif.\n"
            "masks/b.png: values that are no class: 2. data.masks.classes names 0 to 1. "
            "Name every class, or let data.masks.ignore_index be the value that is not looked at.\n"
            "  params.yaml: data.masks.classes: add class_2"
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_masks(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")
