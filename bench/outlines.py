"""Masks to polygons and back: points a region, and the pixels that change, by how far a line may pass a point.

Run in the repository: python bench/outlines.py [FOLDER_OF_MASKS [N]]. The masks are single-channel files of ids; without a
folder three are made. 0 leaves out what lies on a line; `all` keeps every point of the outlines.
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.raster import outlines as module
from segpipe.annotations.raster.outlines import Outline, outlines
from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Shape
from segpipe.images.decode import decode_mask
from segpipe.params.load import load_params

Mask = NDArray[np.uint8]
TOLERANCES = ("all", 0.0, module.EPSILON, 0.2, 0.34, 0.5, 1.0)


def main() -> None:
    masks = (
        read(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20) if len(sys.argv) > 1 else [*map(made, range(3))]
    )
    simplified = module._simplified
    print(f"{len(masks)} masks\n\n| tolerance | regions | points a region | seconds | changed, mean IoU: `exact` | `labelme` |")
    print("|---|---|---|---|---|---|")
    for tolerance in TOLERANCES:
        module._simplified = (lambda points: points) if tolerance == "all" else simplified
        module.EPSILON = 0.0 if tolerance == "all" else float(tolerance)
        start = time.process_time()
        found = [outlines(mask, has_background=True) for mask in masks]
        seconds = time.process_time() - start
        n_regions = sum(map(len, found))
        points = sum(len(each.points) for regions in found for each in regions)
        cells = [compared(masks, found, fill) for fill in ("exact", "labelme")]
        print(f"| {tolerance} | {n_regions} | {points / n_regions:.1f} | {seconds:.2f} | {' | '.join(cells)} |", flush=True)


def compared(masks: list[Mask], found: list[list[Outline]], fill: str) -> str:
    """The share of pixels that are others when the polygons are painted, and the mean IoU of the classes of objects."""
    how = load_params().data.shapes.model_copy(update={"fill": fill, "overlap": "order", "undrawn": "background"})
    names = {"background": 0, **{str(number): number for number in range(1, 256)}}
    changed, ious = [], []
    for mask, regions in zip(masks, found, strict=True):
        labels = [*names]
        shapes = [Shape("polygon", labels[each.id], (tuple(map(tuple, each.points.tolist())),)) for each in regions]
        painted = paint(shapes, names, mask.shape[0], mask.shape[1], how)
        changed.append(np.mean(painted != mask))
        pairs = [(mask == number, painted == number) for number in np.unique(mask) if number]
        ious += [(one & other).sum() / (one | other).sum() for one, other in pairs]
    return f"{np.mean(changed):.3%}, {np.mean(ious):.4f}"


def read(folder: Path, n: int) -> list[Mask]:
    files = sorted(folder.iterdir())[::7][:n]
    return [decode_mask(file.read_bytes(), file.name).astype(np.uint8) for file in files]


def made(seed: int) -> Mask:
    """Meanders of three classes."""
    planes = np.random.default_rng(seed).normal(size=(3, 300, 400))
    return np.argmax([cv2.GaussianBlur(plane, (0, 0), 4) for plane in planes], axis=0).astype(np.uint8)


if __name__ == "__main__":
    main()
