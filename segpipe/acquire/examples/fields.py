"""Land from above in five bands, as GeoTIFFs with their place on the map: what covers it is told by grain and shape.

Crops are green or bare, meadows are as green as crops, gardens lie in towns, and shadows of clouds are as dark as water: what a
single pixel measures tells little. Each scene is a pure function of (seed, number).
"""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segpipe.acquire.examples.drawing import Field, Mask, clouds, filled, light, lumpy, noise, rectangle, stroke, walk
from segpipe.images.encode import encode_gray
from segpipe.images.tiff_directory import RawFields
from segpipe.images.tiff_encode import encode_planes
from segpipe.reproducibility.seeds import seed_of

CLASSES = ("water", "forest", "crops", "meadow", "town")
WATER, FOREST, CROPS, MEADOW, TOWN = range(5)
BANDS = "red, green, blue, near infrared, short-wave infrared"
SCENES, NEW, SIZE, SEED = 40, 6, 224, 23
METRES = 10.0
"""Of a pixel, as of Sentinel-2's finest bands."""
FIRST, A_ROW = (600_000.0, 5_400_000.0), 8
"""The upper left of the first scene, east and north in metres of UTM zone 32N, and how many scenes lie side by side."""

# Reflectances in the five bands.
_DEEP, _WEEDY = (0.035, 0.05, 0.05, 0.03, 0.02), (0.06, 0.085, 0.045, 0.16, 0.08)
_TREES, _GREEN = (0.045, 0.06, 0.035, 0.27, 0.12), (0.06, 0.085, 0.045, 0.31, 0.16)
_SOIL, _ROOF, _ROAD = (0.15, 0.11, 0.08, 0.21, 0.27), (0.17, 0.13, 0.12, 0.2, 0.22), (0.13, 0.12, 0.11, 0.15, 0.17)


def make(folder: Path, n_scenes: int = SCENES, n_new: int = NEW, seed: int = SEED) -> None:
    """Writes annotated/images/scene##.tif (5 bands, uint16, SIZE x SIZE), annotated/masks of the same names (class ids as PNG),
    classes.txt, and new/scene##.tif of `n_new` more.
    """
    annotated, new = folder / "annotated", folder / "new"
    for each in (annotated / "images", annotated / "masks", new):
        each.mkdir(parents=True, exist_ok=True)
    (annotated / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8", newline="\n")
    for number in range(n_scenes + n_new):
        scene, mask = _scene(np.random.default_rng(seed_of(seed, "fields", number)))
        name, is_annotated = f"scene{number:02d}", number < n_scenes
        target = annotated / "images" if is_annotated else new
        (target / f"{name}.tif").write_bytes(encode_planes(scene, BANDS, place(number)))
        if is_annotated:
            (annotated / "masks" / f"{name}.png").write_bytes(encode_gray(mask))


def place(number: int) -> RawFields:
    """GeoTIFF's fields (OGC 19-008r4) of a scene: the scale of a pixel, where its corner lies, and that this is UTM zone 32N."""
    east = FIRST[0] + number % A_ROW * SIZE * METRES
    north = FIRST[1] - number // A_ROW * SIZE * METRES
    # Version 1.1.0 and three keys: the model is projected (1), a pixel is an area (1), the projection is EPSG's 32632.
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)
    return {
        33550: (12, 3, struct.pack("<3d", METRES, METRES, 0)),
        33922: (12, 6, struct.pack("<6d", 0, 0, 0, east, north, 0)),
        34735: (3, len(keys), struct.pack(f"<{len(keys)}H", *keys)),
    }


def _scene(rng: Generator) -> tuple[NDArray[np.uint16], Mask]:
    """The five bands (5, SIZE, SIZE), reflectance times 10,000, and the mask."""
    scene, mask = np.zeros((SIZE, SIZE, 5), np.float32), np.full((SIZE, SIZE), MEADOW, np.uint8)
    green = np.array(_GREEN) * rng.uniform(0.85, 1.15)
    for cover in _parcels(rng):
        kind = rng.choice([CROPS, MEADOW, FOREST], p=(0.45, 0.27, 0.28))
        _lay(scene, cover, (_crops, _meadow, _forest)[(CROPS, MEADOW, FOREST).index(kind)](rng, green))
        mask[cover >= 0.5] = kind
    for _ in range(rng.integers(1, 3)):
        outline = lumpy(rng, rng.uniform(0, SIZE, 2), rng.uniform(30, 55), rng.uniform(1, 1.3), 0.3)
        _cover(scene, mask, filled(SIZE, SIZE, outline), _town(rng, green), TOWN)
    for _ in range(rng.integers(1, 3)):
        _cover(scene, mask, _shore(rng), _water(rng), WATER)
    _lay(scene, _shadows(rng), scene * rng.uniform(0.15, 0.4))
    hazy = scene * light(rng, SIZE, SIZE, 0.1)[..., None] + rng.uniform(0, 0.03) * np.array((0.6, 0.8, 1, 0.3, 0.1))
    seen = cv2.GaussianBlur(hazy.astype(np.float32), (0, 0), 0.6) + 0.006 * rng.standard_normal(scene.shape)
    return np.clip(seen * 10000 + 0.5, 1, 65535).astype(np.uint16).transpose(2, 0, 1), mask


def _parcels(rng: Generator) -> list[Field]:
    """A cover (SIZE, SIZE) for each parcel of the land: what is nearest to each of some points, with slightly bent borders."""
    places = rng.uniform(0, SIZE, (rng.integers(10, 18), 2))
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    bend_x, bend_y = (4 * noise(rng, SIZE, SIZE, 45) for _ in range(2))
    away = np.stack([np.hypot(columns + bend_x - x, rows + bend_y - y) for x, y in places])
    nearest = away.argmin(axis=0)
    return [(nearest == number).astype(np.float32) for number in range(len(places))]


def _crops(rng: Generator, green: NDArray[np.float64]) -> Field:
    """Rows, 4 to 7 pixels apart: green on soil, anything from bare to closed."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 7)
    stripes = 0.5 + 0.5 * np.sin((np.cos(angle) * columns + np.sin(angle) * rows) * 2 * np.pi / period)
    share = np.clip(rng.uniform(0.1, 0.9) + 0.55 * (stripes - 0.5) + 0.12 * clouds(rng, SIZE, SIZE, 40, 10), 0, 1)
    return _between(np.array(_SOIL) * rng.uniform(0.75, 1.1), green, share)


def _meadow(rng: Generator, green: NDArray[np.float64]) -> Field:
    """Green or dry, with soft patches."""
    share = np.clip(rng.uniform(0.35, 1.0) + 0.14 * clouds(rng, SIZE, SIZE, 40, 5), 0, 1.1)
    return _between(np.array(_SOIL), green, share)


def _forest(rng: Generator, green: NDArray[np.float64]) -> Field:
    """Crowns, lit on one side: the brightest as bright as a meadow, the gaps as dark as water."""
    crowns = np.clip(0.55 + 0.5 * noise(rng, SIZE, SIZE, rng.uniform(3, 4.5)), 0, 1.3)
    mixed = np.array(_TREES) * (1 - (share := rng.uniform(0.2, 1))) + green * share
    return (mixed * (0.35 + 0.85 * crowns[..., None])).astype(np.float32)


def _town(rng: Generator, green: NDArray[np.float64]) -> Field:
    """Houses along streets that cross, in gardens."""
    garden = np.clip(0.75 + 0.3 * noise(rng, SIZE, SIZE, 5), 0, 1)
    town = _between(np.array(_SOIL), green * 0.95, garden)
    angle, apart = rng.uniform(0, np.pi / 2), rng.uniform(20, 28)
    houses, streets = np.zeros((SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for place in np.arange(-SIZE, SIZE, apart):
        for line in (((-SIZE, place), (SIZE, place)), ((place, -SIZE), (place, SIZE))):
            stroke(streets, np.array(line) @ turned + SIZE / 2, 255, 2)
    across, along = np.meshgrid(np.arange(-SIZE, SIZE, apart / 3), np.arange(-SIZE, SIZE, apart / 2) + apart / 4)
    for at in np.stack([across.ravel(), along.ravel()], axis=1) @ turned + SIZE / 2:
        if rng.random() < 0.7 and (at > -8).all() and (at < SIZE + 8).all():
            house = rectangle(at, rng.uniform(3.5, 6), rng.uniform(4, 7), -angle)
            cv2.fillPoly(houses, [np.round(house * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    _lay(town, (streets / 255).astype(np.float32), np.array(_ROAD))
    _lay(
        town,
        (houses / 255).astype(np.float32),
        np.array(_ROOF) * (rng.uniform(0.7, 1.3) + 0.3 * noise(rng, SIZE, SIZE, 6))[..., None],
    )
    return town


def _shore(rng: Generator) -> Field:
    """A lake, or a river through the scene."""
    if rng.random() < 0.5:
        return filled(SIZE, SIZE, lumpy(rng, rng.uniform(0, SIZE, 2), rng.uniform(22, 42), rng.uniform(1, 1.5), 0.35))
    cover, angle = np.zeros((SIZE, SIZE), np.uint8), rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.2, 0.8, 2) * SIZE
    start = middle - SIZE * np.array([np.cos(angle), np.sin(angle)])
    stroke(cover, walk(rng, start, angle, 2.2 * SIZE, 14, 0.1), 255, int(rng.integers(9, 17)))
    return (cover / 255).astype(np.float32)


def _water(rng: Generator) -> Field:
    """Clear to weedy, nearly without grain."""
    share = np.clip(rng.uniform(0, 1.2) + 0.2 * noise(rng, SIZE, SIZE, 50), 0, 1)
    return _between(np.array(_DEEP), np.array(_WEEDY), share)


def _shadows(rng: Generator) -> Field:
    """Of a few clouds, with soft edges."""
    cover = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(rng.integers(2, 6)):
        outline = lumpy(rng, rng.uniform(0, SIZE, 2), rng.uniform(16, 40), 1.2, 0.4)
        cover = np.maximum(cover, filled(SIZE, SIZE, outline))
    return cv2.GaussianBlur(cover, (0, 0), 3).astype(np.float32)


def _between(first: NDArray[np.float64], second: NDArray[np.float64], share: Field) -> Field:
    return (first + (second - first) * share[..., None]).astype(np.float32)


def _cover(scene: Field, mask: Mask, cover: Field, surface: Field, kind: int) -> None:
    _lay(scene, cover, surface)
    mask[cover >= 0.5] = kind


def _lay(scene: Field, cover: Field, surface: NDArray[Any]) -> None:
    scene += cover[..., None] * (np.asarray(surface, np.float32) - scene)
