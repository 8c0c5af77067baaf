"""Records without files, for tests of what is said of them together."""

from typing import Any

import numpy as np

from segpipe.images.encode import encode_mask
from segpipe.record import Record
from segpipe.storage.byte_source import InMemory


def record(item: str = "a", pixels: tuple[int, ...] = (90, 10), **keys: Any) -> Record:
    """An image of 10 x 10 gray pixels of values that vary."""
    own: dict[str, Any] = {
        "id": item,
        "source": f"{item}.png",
        "suffix": ".png",
        "width": 10,
        "height": 10,
        "channels": 1,
        "bits": 8,
        "image_sha256": f"image of {item}",
        "mask_sha256": f"mask of {item}",
        "given": "",
        "group": "",
        "twin": "",
        "pixels": pixels,
        "ignored": 100 - sum(pixels),
        "sums": (5000,),
        "squares": (300000,),
        "low": (0,),
        "high": (255,),
        "spacing": (0, 0),
        "image": InMemory(encode_mask(np.zeros((10, 10), np.uint8))),
        "mask_png": InMemory(encode_mask(np.zeros((10, 10), np.uint8))),
    }
    return Record(**(own | keys))
