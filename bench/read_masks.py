"""Masks to class ids, beside the usual idiom in the same run: Pillow, then a comparison of the whole picture for each class.

Run in the repository: python bench/read_masks.py [ROUNDS]. One core; a mask of 12 megapixels with 12 classes.
"""

import io
import statistics
import sys

import cv2
import numpy as np
from PIL import Image

from bench.clock import seconds
from segpipe.annotations.formats.masks import codes as mask_codes

SIDE = 3464
N_CLASSES = 12


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    ids = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(120):
        centre, radius = tuple(map(int, random.integers(0, SIDE, 2))), int(random.integers(20, 400))
        cv2.circle(ids, centre, radius, int(random.integers(0, N_CLASSES)), -1)
    colours = random.integers(0, 256, (N_CLASSES, 3), np.uint8)
    grays = (np.arange(N_CLASSES) * 20).astype(np.uint8)
    tell("colours", encoded(colours[ids]), [tuple(map(int, colour)) for colour in colours], ids, rounds)
    tell("stretched grays", encoded(grays[ids]), [(int(gray),) for gray in grays], ids, rounds)


def tell(name: str, content: bytes, classes: list[tuple[int, ...]], ids: np.ndarray, rounds: int) -> None:
    codes = [colour[0] if len(colour) == 1 else mask_codes.colour_code(*colour) for colour in classes]
    assert np.array_equal(ours(content, codes), ids)
    assert np.array_equal(usual(content, classes), ids)
    pairs = [(seconds(lambda: ours(content, codes)), seconds(lambda: usual(content, classes))) for _ in range(rounds)]
    own, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name}: {own:.3f} s, usual idiom {peer:.3f} s, {peer / own:.1f} times faster")


def ours(content: bytes, codes: list[int]) -> np.ndarray:
    coded = mask_codes.read(content, "mask")
    return coded.mapped([codes.index(code) for code in coded.codes])


def usual(content: bytes, classes: list[tuple[int, ...]]) -> np.ndarray:
    picture = np.array(Image.open(io.BytesIO(content)))
    picture = picture if picture.ndim == 3 else picture[..., None]
    mask = np.zeros(picture.shape[:2], np.uint8)
    for number, colour in enumerate(classes):
        mask[(picture == colour).all(axis=2)] = number
    return mask


def encoded(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


if __name__ == "__main__":
    main()
