"""Shapes to a mask: `paint` against the usual idiom, a full-size Pillow image and a boolean array for each shape.

Also how much too large the usual fillers make a disc, and how many pixels of labelme's own masks the installed Pillow draws
differently today. Run in the repository: python bench/paint.py [ROUNDS]. The ratios are
of one run's medians; labelme_voc3 is left out where ../shared/data is absent.
"""

import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import PIL
from PIL import Image, ImageDraw

from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Point, Shape
from segpipe.params.schema import ShapeParams

Scene = tuple[list[Shape], int, int]
"""Shapes, height and width."""
ONE = {"a": 1}
LABELME, EXACT = (
    ShapeParams(fill=fill, overlap="order", undrawn="background", line_width=10, point_size=5) for fill in ("labelme", "exact")
)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    scenes = {"labelme_voc3, 3 images": voc()} if VOC.is_dir() else {}
    scenes["30 polygons of 40 points, 1920 x 1080"] = [blobs(30, 40, 1080, 1920)]
    scenes["300 polygons of 40 points, 4000 x 3000"] = [blobs(300, 40, 3000, 4000, size=80)]
    scenes["10 polygons of 12 points, 128 x 128"] = [blobs(10, 12, 128, 128)]
    scenes["5 polygons of 2,000 points, 1024 x 1024"] = [blobs(5, 2000, 1024, 1024)]
    print("How many times faster than the idiom:")
    for name, pictures in scenes.items():
        labelme, exact = (ratio(pictures, how, rounds) for how in (LABELME, EXACT))
        print(f"  {name}: labelme {labelme:.1f}, exact {exact:.1f}")
    print("How much too large a disc of 4, 8, 16 pixels radius is, as a polygon of 64 corners:")
    fillers: dict[str, Callable[[list[Point]], int]] = {
        "exact": lambda ring: count(ring, EXACT),
        "labelme": lambda ring: count(ring, LABELME),
        "cv2.fillPoly": with_opencv,
    }
    for name, filler in fillers.items():
        print(f"  {name}: " + ", ".join(f"{bias(filler, radius):+.1%}" for radius in (4, 8, 16)))
    for path in sorted(VOC.glob("*.json")):
        pillow, ours = differing(path)
        print(f"{path.stem}: pixels unlike labelme's own mask: labelme rule {ours}, Pillow {PIL.__version__} {pillow}")


VOC = Path(__file__).parents[2] / "shared" / "data" / "labelme_voc3"


def voc() -> list[Scene]:
    scenes = []
    for path in sorted(VOC.glob("*.json")):
        content = json.loads(path.read_text())
        shapes = [Shape("polygon", "a", (tuple((x, y) for x, y in shape["points"]),)) for shape in content["shapes"]]
        with Image.open(path.with_suffix(".jpg")) as image:
            scenes.append((shapes, image.height, image.width))
    return scenes


def differing(path: Path) -> tuple[int, int]:
    """Pixels unlike the mask that labelme exported: drawn by the installed Pillow, and by `paint`."""
    expected_dir = VOC.with_name("labelme_voc3_expected")
    ids = {name: number for number, name in enumerate((expected_dir / "class_names.txt").read_text().split("\n"))}
    ids["__ignore__"] = 255
    with Image.open(expected_dir / f"{path.stem}.png") as image:
        expected = np.array(image)
    shapes = [
        Shape("polygon", shape["label"], (tuple((x, y) for x, y in shape["points"]),))
        for shape in json.loads(path.read_text())["shapes"]
    ]
    height, width = expected.shape
    ours = paint(shapes, ids, height, width, LABELME)
    return tuple(int(np.count_nonzero(mask != expected)) for mask in (idiom(shapes, height, width, ids), ours))


def blobs(n: int, corners: int, height: int, width: int, size: float = 0) -> Scene:
    """Star-shaped polygons of up to `size` pixels radius, by default a fifth of the image's shorter side."""
    rng = np.random.default_rng(1)
    shapes = []
    for _ in range(n):
        centre, reach = rng.uniform((0, 0), (width, height)), rng.uniform(0.3, 1) * (size or min(height, width) / 5)
        angles, radii = np.arange(corners) * 2 * np.pi / corners, reach * rng.uniform(0.7, 1, corners)
        points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        shapes.append(Shape("polygon", "a", (tuple((float(x), float(y)) for x, y in points),)))
    return shapes, height, width


def ratio(scenes: list[Scene], how: ShapeParams, rounds: int) -> float:
    """The idiom's median time by that of `paint`; both in turn, so that other work falls on both."""
    usual, ours = [], []
    for _ in range(rounds):
        usual.append(seconds(lambda: [idiom(*scene) for scene in scenes]))
        ours.append(seconds(lambda: [paint(shapes, ONE, height, width, how) for shapes, height, width in scenes]))
    return statistics.median(usual) / statistics.median(ours)


def seconds(work: Callable[[], object]) -> float:
    """Of this process's own time, for one run of some that take a twentieth of a second together."""
    start, runs = time.process_time(), 0
    while (passed := time.process_time() - start) < 0.05:
        work()
        runs += 1
    return passed / runs


def idiom(shapes: list[Shape], height: int, width: int, ids: Mapping[str, int] = ONE) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    for shape in shapes:
        image = Image.new("L", (width, height))
        ImageDraw.Draw(image).polygon(shape.rings[0], outline=1, fill=1)
        mask[np.array(image, dtype=bool)] = ids[shape.label]
    return mask


def bias(filler: Callable[[list[Point]], int], radius: float) -> float:
    """How much larger than the polygon its pixels are together, over 200 discs at random places."""
    rng = np.random.default_rng(2)
    angles = np.arange(64) * 2 * np.pi / 64
    rings = [rng.uniform(20, 21, 2) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) for _ in range(200)]
    area = 32 * radius**2 * math.sin(2 * math.pi / 64)
    return sum(filler([(float(x), float(y)) for x, y in ring]) for ring in rings) / (200 * area) - 1


def count(ring: list[Point], how: ShapeParams) -> int:
    return int(paint([Shape("polygon", "a", (tuple(ring),))], ONE, 41, 41, how).sum())


def with_opencv(ring: list[Point]) -> int:
    mask = np.zeros((41, 41), np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 1)
    return int(mask.sum())


if __name__ == "__main__":
    main()
