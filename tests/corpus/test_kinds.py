"""Images of odd kinds with sound masks: pages, bands, bits, alpha, files that no reader takes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.annotations.formats.masks.folders import blocks, save
from tests.corpus.build import Make, steps, written
from tests.corpus.case import Case, check
from tests.images.tiff_files import Page
from tests.images.tiff_files import tiff as written_tiff


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "masks", make, errors, masks, warnings, keys)


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(sum(shape)).integers(0, np.iinfo(dtype).max, shape, dtype)


def tiff(*pages: Any, mask: Any = None) -> Make:
    def make(root: Path) -> None:
        save(root / "masks/a.png", blocks(0, 1) if mask is None else mask)
        written("images/a.tif", written_tiff(*map(Page, pages)))(root)

    return make


def picture(name: str, values: Any, mode: str | None = None) -> Make:
    def make(root: Path) -> None:
        save(root / f"masks/{Path(name).stem}.png", blocks(0, 1))
        image = Image.fromarray(values)
        save(root / f"images/{name}", image.convert(mode) if mode else image)

    return make


def pages(root: Path) -> None:
    written("images/a.tif", written_tiff(*(Page(noise(4, 8)) for at in range(3))))(root)
    masks = (blocks(0, 1), blocks(1, 0), blocks(1, 1))
    written("masks/a.tif", written_tiff(*(Page(mask.astype(np.uint8)) for mask in masks)))(root)


def animated(path: Path) -> None:
    first, second = (Image.fromarray(noise(4, 8, at + 3)[:, :, :3]) for at in range(2))
    first.save(path, save_all=True, append_images=[second])


def gif_mask(values: Any, palette: Any = None) -> Make:
    """masks/a.gif in place of masks/a.png, of grays or with a palette."""

    def make(root: Path) -> None:
        (root / "masks/a.png").unlink()
        mask = Image.fromarray(values.astype(np.uint8))
        if palette:
            mask.putpalette(palette)
        mask.save(root / "masks/a.gif")

    return make


CASES = [
    case(
        "pages in image and mask",
        pages,
        errors=(
            "images/a.tif: 3 pages in one file. "
            "Save each page as an image of its own, or set data.pages to split.\n"
            "  params.yaml: data.pages: split"
        ),
        masks={"a/0000": "00001111", "a/0001": "11110000", "a/0002": "11111111"},
    ),
    case(
        "pages in the image alone",
        tiff(noise(4, 8), noise(4, 8), noise(4, 8)),
        errors=(
            "images/a.tif: 3 pages in one file. "
            "Save each page as an image of its own, or set data.pages to split.\n"
            "  params.yaml: data.pages: split"
        ),
    ),
    case("five bands", tiff(noise(4, 8, 5)), masks={"a": "00001111"}),
    case(
        "five bands, and another image of three",
        steps(tiff(noise(4, 8, 5)), picture("b.png", noise(4, 8, 3))),
        errors=(
            "images/b.png: 3 channels where others have 5. Bring all images to the same channels. "
            "Only gray among RGB is brought to RGB."
        ),
    ),
    case("five bands of 16 bits", tiff(noise(4, 8, 5, dtype=np.uint16)), masks={"a": "00001111"}),
    case("16 bits gray", tiff(noise(4, 8, dtype=np.uint16)), masks={"a": "00001111"}),
    case(
        "fractions",
        tiff(noise(4, 8).astype(np.float32) / 256),
        errors=(
            "images/a.tif: an image of 32 bits a channel. "
            "Save it as 8- or 16-bit whole numbers, scaled or shifted so that all values fit (uint16: 0 to "
            "65535)."
        ),
    ),
    case(
        "32 bits",
        tiff(noise(4, 8).astype(np.uint32)),
        errors=(
            "images/a.tif: an image of 32 bits a channel. "
            "Save it as 8- or 16-bit whole numbers, scaled or shifted so that all values fit (uint16: 0 to "
            "65535)."
        ),
    ),
    case("CMYK", picture("a.jpg", noise(4, 8, 3), "CMYK"), masks={"a": "00001111"}),
    case(
        "alpha",
        picture("a.png", noise(4, 8, 4)),
        masks={"a": "00001111"},
        warnings=(
            "images/a.png: transparent pixels, whose transparency is dropped. "
            "What the file holds below them is what the model sees; flatten the images if that is not meant."
        ),
    ),
    case("palette", picture("a.png", noise(4, 8, 3), "P"), masks={"a": "00001111"}),
    case("one bit", picture("a.png", noise(4, 8) > 100), masks={"a": "00001111"}),
    case("WebP", picture("a.webp", noise(4, 8, 3)), masks={"a": "00001111"}),
    case("BMP", picture("a.bmp", noise(4, 8, 3)), masks={"a": "00001111"}),
    case("GIF", picture("a.gif", noise(4, 8)), masks={"a": "00001111"}),
    case("GIF in colours", picture("a.gif", noise(4, 8, 3)), masks={"a": "00001111"}),
    case(
        "animated GIF",
        steps(picture("b.png", noise(4, 8, 3)), lambda r: animated(r / "images/a.gif"), lambda r: animated(r / "masks/a.gif")),
        errors=("images/a.gif: an animation of 2 frames. Save the frames that you need as images of their own."),
        masks=None,
    ),
    case("GIF as mask", steps(tiff(noise(4, 8)), gif_mask(blocks(0, 1))), masks={"a": "00001111"}),
    case(
        "GIF of black and white as mask",
        steps(tiff(noise(4, 8)), gif_mask(blocks(0, 255))),
        masks={"a": "00001111"},
        values="binary",
    ),
    case(
        "grays of a GIF that are no first ones",
        steps(tiff(noise(4, 8)), gif_mask(blocks(0, 2))),
        masks={"a": "00002222"},
        classes=["background", "cat", "dog"],
    ),
    case(
        "GIF mask of a palette",
        steps(tiff(noise(4, 8)), gif_mask(blocks(0, 2, 1, 1, side=2).repeat(2, 0), [0, 0, 0, 128, 0, 0, 0, 128, 0])),
        masks={"a": "00221111"},
        classes=["background", "cat", "dog"],
    ),
    case(
        "HEIC",
        steps(picture("b.png", noise(4, 8, 3)), written("images/a.heic", b"\0\0\0\x18ftypheic")),
        masks={"b": "00001111"},
        warnings="images/a.heic: a HEIC photo. Export it as PNG or JPEG; HEIC is not read.",
    ),
    case(
        "DICOM",
        steps(picture("b.png", noise(4, 8, 3)), written("images/a.dcm", bytes(128) + b"DICM")),
        masks={"b": "00001111"},
        warnings="images/a.dcm: a DICOM file. Export it as PNG, 8 or 16 bits; DICOM is not read.",
    ),
    case(
        "TIFF cut short",
        steps(
            tiff(noise(40, 80, 3), mask=blocks(0, 1, side=40)),
            lambda r: (r / "images/a.tif").write_bytes((r / "images/a.tif").read_bytes()[:3000]),
        ),
        errors="images/a.tif: a damaged image (it ends too early). Copy it again from where it came, or remove it.",
    ),
    case(
        "an image of one pixel",
        steps(lambda r: save(r / "images/a.png", [[7]]), lambda r: save(r / "masks/a.png", [[1]])),
        masks={"a": "1"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kinds(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")
