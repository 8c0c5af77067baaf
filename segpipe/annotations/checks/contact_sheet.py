"""The contact sheet: some images beside their masks, chosen so that every class is seen, the same each time."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segpipe.images.decode import decode_image, decode_mask
from segpipe.images.overlay import displayed, overlay
from segpipe.images.palette import Colour, colours
from segpipe.record import Record

MAX_IMAGES = 24
COLUMNS = 4
TILE = 224
"""Pixels: the long side of an image on the sheet."""
GAP, LINE = 8, 18
INK, PAPER = (40, 40, 40), (255, 255, 255)


def contact_sheet(records: Sequence[Record], classes: Sequence[str]) -> NDArray[np.uint8]:
    """(H, W, 3): up to MAX_IMAGES images, each beside itself under its mask, and a legend of the colours."""
    palette = colours(len(classes))
    tiles = [_tile(record, palette) for record in select_records(records, len(classes))]
    width = COLUMNS * (2 * TILE + 2 * GAP) + GAP
    rows = [tiles[at : at + COLUMNS] for at in range(0, len(tiles), COLUMNS)]
    return np.concatenate([_legend(classes, palette, width), *(_row(row, width) for row in rows)])


def select_records(records: Sequence[Record], n_classes: int) -> list[Record]:
    """Up to MAX_IMAGES records, sorted by id.

    They are taken in the order of a hash of the id, each time one with the class that was shown least so far.
    """
    left = sorted(records, key=lambda record: hashlib.sha256(record.id.encode("utf-8")).digest())
    images = [sum(record.pixels[number] > 0 for record in left) for number in range(n_classes)]
    shown = [0] * n_classes
    taken: list[Record] = []
    while any(images) and len(taken) < MAX_IMAGES:
        wanted = min(
            (number for number in range(n_classes) if images[number]), key=lambda number: (shown[number], images[number])
        )
        record = next(each for each in left if each.pixels[wanted])
        left.remove(record)
        taken.append(record)
        for number, count in enumerate(record.pixels):
            shown[number] += count > 0
            images[number] -= count > 0
    taken += left[: MAX_IMAGES - len(taken)]
    return sorted(taken, key=lambda record: record.id)


def _tile(record: Record, palette: Sequence[Colour]) -> NDArray[np.uint8]:
    """The image, its mask over it, and its id below: (its height + LINE, 2 TILE + GAP, 3)."""
    picture = displayed(decode_image(record.image.read(), record.source))
    mask = decode_mask(record.mask_png.read(), record.source).astype(np.uint8)
    scale = TILE / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    marked = overlay(small, cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8), palette)
    tile = np.full((size[1] + LINE, 2 * TILE + GAP, 3), PAPER, np.uint8)
    tile[: size[1], : size[0]] = small
    tile[: size[1], TILE + GAP : TILE + GAP + size[0]] = marked
    return _with_text(tile, [((0, size[1] + 2), _short(record.id))])


def _row(tiles: Sequence[NDArray[np.uint8]], width: int) -> NDArray[np.uint8]:
    row = np.full((max(tile.shape[0] for tile in tiles) + GAP, width, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        left = GAP + number * (2 * TILE + 2 * GAP)
        row[GAP : GAP + tile.shape[0], left : left + tile.shape[1]] = tile
    return row


def _legend(classes: Sequence[str], palette: Sequence[Colour], width: int) -> NDArray[np.uint8]:
    """A coloured square and a name for each class, in as many lines as it takes."""
    columns = 6
    lines = -(-len(classes) // columns)
    legend = np.full((lines * (LINE + 4) + GAP, width, 3), PAPER, np.uint8)
    texts = []
    for number, name in enumerate(classes):
        top, left = GAP + number // columns * (LINE + 4), GAP + number % columns * (width - GAP) // columns
        legend[top : top + 12, left : left + 12] = palette[number]
        texts.append(((left + 18, top - 1), _short(name)))
    return _with_text(legend, texts)


def _with_text(picture: NDArray[np.uint8], texts: Sequence[tuple[tuple[int, int], str]]) -> NDArray[np.uint8]:
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for place, text in texts:
        draw.text(place, text, fill=INK, font=ImageFont.load_default(12))
    return np.asarray(canvas)


def _short(name: str) -> str:
    return name if len(name) <= 48 else f"{name[:16]}...{name[-29:]}"
