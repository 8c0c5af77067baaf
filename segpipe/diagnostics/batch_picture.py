"""A batch as a picture: its images and masks as training sees them, and what is predicted of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.images import overlay
from segpipe.images.encode import encode_png
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.models.segmenter import classes_of

LONG_SIDE, MOST = 256, 8
"""Pixels of an image's longer side, and images."""


def picture(batch: Batch, logits: Tensor | None, n_classes: int) -> bytes:
    """PNG with a row an image: image | mask, and with (N, K, H, W) logits image | mask | prediction | error."""
    predicted = None if logits is None else classes_of(logits).cpu().numpy()
    rows = []
    for number in range(min(MOST, len(batch.ids))):
        image = shrink_image(_values(batch.image[number]), LONG_SIDE)
        mask = shrink_mask(batch.target[number].cpu().numpy().astype(np.uint8), LONG_SIDE)
        prediction = mask if predicted is None else shrink_mask(predicted[number], LONG_SIDE)
        row = overlay.panel(image, mask, prediction, colours(n_classes))
        rows.append(row if predicted is not None else row[:, : 2 * image.shape[1] + overlay.GAP])
    gap = np.full((overlay.GAP, rows[0].shape[1], 3), 255, np.uint8)
    return encode_png(np.concatenate([part for row in rows for part in (row, gap)][:-1]))


def _values(image: Tensor) -> NDArray[Any]:
    """(C, H, W), uint8 or float32 in [0, 1], to (H, W, C) of 8 or 16 bits."""
    values = image.permute(1, 2, 0).cpu().numpy()
    return values if values.dtype == np.uint8 else (values * 65535).round().astype(np.uint16)
