"""The attention maps of one image of any size, by the rules of its prediction: shrunk, padded, in tiles where it is large."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.inference.attention_maps import attention_maps
from segpipe.inference.predict import predict_logits
from segpipe.models.segmenter import Segmenter
from segpipe.params.schema import InferParams

Level = tuple[int, NDArray[np.float32]]
"""A stride, in pixels of what the model sees, and a map (H, W) in [0, 1] that was found for squares of so many pixels."""


def predict_attention(
    segmenter: Segmenter, image: NDArray[Any], params: InferParams, long_side: int, device: torch.device
) -> list[Level]:
    """(H, W, C) uint8 or uint16 to the map of each level, the finest first, at the image's size. The segmenter must have some."""
    strides: list[int] = []

    def forward(values: Tensor) -> Tensor:
        found = attention_maps(segmenter, values)
        strides[:] = [each.stride for each in found]
        # (1, levels, H, W) in the place of logits: so maps are shrunk, tiled and blended as those are.
        return torch.stack([each.values for each in found], dim=1)

    # What it looks at in the image as it is: maps are no logits to be averaged over its views.
    as_it_is = params.model_copy(update={"flips": "none", "scales": (1.0,)})
    maps = predict_logits(forward, image, as_it_is, long_side, device).cpu().numpy()
    return [*zip(strides, maps, strict=True)]
