"""Tiles: they cover the image, and blocks that are finished one by one are the whole image's blending, to the bit."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from segpipe.inference import tiles
from segpipe.params.schema import InferParams
from tests.dataset.packs import noise

PARAMS = InferParams(max_pixels=4096, tile=64, overlap=0.25, flips="none", scales=(1.0,))


def seen(image: Tensor) -> Tensor:
    """A model that sees all of its tile: each tile says something else of a pixel."""
    return torch.cat([image * image.mean(), image.cumsum(-1), image.cumsum(-2)], dim=1)


def values(part: NDArray[Any]) -> Tensor:
    return torch.from_numpy(part.transpose(2, 0, 1).astype(np.float32))[None] / 255


def at_once(image: NDArray[Any], params: InferParams) -> Tensor:
    """The blending of a whole image, as it is defined."""
    height, width = image.shape[:2]
    weight = tiles._weight(min(params.tile, height), min(params.tile, width))
    total, weights = torch.zeros(1, 3 * image.shape[2], height, width), torch.zeros(height, width)
    for rows in tiles._spans(height, params.tile, params.overlap):
        for columns in tiles._spans(width, params.tile, params.overlap):
            total[..., rows, columns] += seen(values(image[rows, columns])) * weight
            weights[rows, columns] += weight
    return total / weights


@settings(deadline=None)
@given(st.integers(1, 230), st.integers(1, 230), st.sampled_from([32, 64]), st.sampled_from([0.0, 0.25, 0.4, 0.5]))
def test_finished_blocks_are_the_blending_of_the_whole_to_the_bit(height: int, width: int, tile: int, overlap: float) -> None:
    image, params = noise(0, height, width), PARAMS.model_copy(update={"tile": tile, "overlap": overlap})
    found = torch.full((1, 9, height, width), torch.nan)
    for rows, columns, logits in tiles.blended(seen, image, values, params):
        assert found[..., rows, columns].isnan().all(), "a pixel is finished once"
        found[..., rows, columns] = logits
    assert torch.equal(found, at_once(image, params))


def test_of_an_image_no_more_rows_are_asked_for_than_a_tile_has() -> None:
    class Watched:
        shape = (300, 70, 3)

        def __getitem__(self, rows: slice) -> NDArray[Any]:
            asked.append(rows)
            return image[rows]

    image, asked = noise(0, 300, 70), list[slice]()
    for _ in tiles.blended(seen, Watched(), values, PARAMS):
        pass
    assert asked == [*tiles._spans(300, 64, 0.25)]


@given(st.integers(1, 3000), st.sampled_from([32, 64, 512]), st.floats(0, 0.5))
def test_tiles_cover_everything_and_overlap_enough(length: int, tile: int, overlap: float) -> None:
    spans = list(tiles._spans(length, tile, overlap))
    assert spans[0].start == 0
    assert spans[-1].stop == length
    for one, following in pairwise(spans):
        assert one.stop - following.start >= int(tile * overlap) - 1
        assert following.start > one.start
