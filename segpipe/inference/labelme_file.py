"""A predicted mask as a file that labelme opens, for people to correct and to train on."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.raster.outlines import outlines
from segpipe.errors import DataError

VERSION = "5.5.0"
"""Of labelme, whose form this is."""
MOST_PIXELS = 2**26
"""Labelme shows images by Qt, which opens none of more than 256 MB, 4 bytes a pixel."""


def require_opens(shape: tuple[int, ...], name: str) -> None:
    """Raises DataError for an image that labelme would not open."""
    if shape[0] * shape[1] > MOST_PIXELS:
        what = f"{shape[0] * shape[1]} pixels, of which labelme opens {MOST_PIXELS} at most"
        raise DataError(name, what, "Cut it into parts, or predict it without `--write labelme`.")


def labelme_json(ids: NDArray[np.uint8], classes: Sequence[str], has_background: bool, image_path: str) -> bytes:
    """The polygons of (H, W) class ids as labelme's JSON; `image_path` leads from its folder to the image.

    Read with `data.shapes.overlap: order` or `smaller` they give the ids again, by either rule of `data.shapes.fill`.
    """
    shapes = [
        {
            "label": classes[each.id],
            "points": each.points.tolist(),
            "group_id": None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for each in outlines(ids, has_background)
    ]
    content = {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": ids.shape[0],
        "imageWidth": ids.shape[1],
    }
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
