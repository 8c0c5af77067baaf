"""Overlapping tiles blended to logits, block after block: the memory is that of tiles and of their overlap, not of the image."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.images.rows import Rows
from segpipe.params.schema import InferParams


def blended(
    forward: Callable[[Tensor], Tensor], image: Rows, prepare: Callable[[NDArray[Any]], Tensor], params: InferParams
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Blocks that cover the image once: their rows, their columns, and float32 logits (1, K, rows, columns).

    A pixel is the mean of the tiles that see it, where one counts less towards its edge, where it sees less. `prepare` makes
    of pixels (h, w, C) what `forward` takes. A block is given as soon as no further tile will reach it.
    """
    height, width = image.shape[:2]
    rows, columns = (_with_next(_spans(length, params.tile, params.overlap)) for length in (height, width))
    # All tiles of an image have one size, and so one weight.
    weight = _weight(min(params.tile, height), min(params.tile, width))
    # Sums of weighted logits, and of weights, of the rows that the next row of tiles shares with those above it.
    shared: tuple[Tensor, Tensor] | None = None
    n_shared = 0
    for row, next_top in rows:
        band = image[row]
        n_next = row.stop - next_top
        # The sums of the tile before, and how many of its columns this one has too.
        before: tuple[Tensor, Tensor] | None = None
        n_same = 0
        for column, next_left in columns:
            # In place, as all that follows: a tile of many classes is larger than the caches, and each pass over it costs.
            sums = _weighed(forward(prepare(band[:, column])).float(), weight)
            for own, others in zip(sums, before or (), strict=False):
                own[..., :n_same] += others[..., own.shape[-1] - n_same :]
            for own, above in zip(sums, shared or (), strict=False):
                # The tile before has added to its own columns what lies above them.
                own[..., :n_shared, n_same:] += above[..., :n_shared, column.start + n_same : column.stop]
            before, n_same = sums, column.stop - next_left
            done = np.s_[..., : next_top - row.start, : next_left - column.start]
            logits, weights = (each[done] for each in sums)
            yield slice(row.start, next_top), slice(column.start, next_left), logits.div_(weights)
            if n_next:
                # As many rows as any two rows of tiles share.
                shared = shared or _rows_of(sums, max(each.stop - following for each, following in rows), width)
                for own, below in zip(sums, shared, strict=True):
                    # No tile of this row reads these columns again.
                    below[..., :n_next, column.start : next_left] = own[..., next_top - row.start :, : next_left - column.start]
        n_shared = n_next


def _weighed(logits: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(1, K, h, w) logits times the (h, w) weight, and the weight, to be added to."""
    weight = weight.to(logits.device)
    # A model may give what it will read again, or what is read-only.
    return logits * weight, weight.clone()


def _rows_of(sums: tuple[Tensor, Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Room for rows of the whole image's width, laid out in memory as the sums are."""
    logits, weight = sums
    return room_for(logits, height, width), weight.new_empty((height, width))


def room_for(logits: Tensor, height: int, width: int) -> Tensor:
    """(1, K, height, width) without values, laid out in memory as (1, K, h, w) logits are: to copy from one layout to the other
    takes several times as long.
    """
    classes = logits.shape[1]
    if logits.stride(1) == 1 and classes > 1:
        return logits.new_empty(1, height, width, classes).permute(0, 3, 1, 2)
    return logits.new_empty(1, classes, height, width)


def _with_next(spans: Iterator[slice]) -> list[tuple[slice, int]]:
    """Each tile with where the next one starts, the last with where it ends itself."""
    found = [*spans]
    return [*((one, following.start) for one, following in pairwise(found)), (found[-1], found[-1].stop)]


def _spans(length: int, tile: int, overlap: float) -> Iterator[slice]:
    """Tiles of equal size, evenly spread, that overlap by `overlap` of a tile or more and cover the whole length."""
    if length <= tile:
        yield slice(0, length)
        return
    step = max(1, int(tile * (1 - overlap)))
    # Rounded up, and 2 or more, since the length is more than a tile.
    count = -(-(length - tile) // step) + 1
    for number in range(count):
        # Spread over the length, rather than a last tile that is moved back and overlaps the most.
        start = round(number * (length - tile) / (count - 1))
        yield slice(start, start + tile)


def _weight(height: int, width: int) -> Tensor:
    """(height, width): 1 in the middle, falling linearly towards each edge and never 0."""
    # + 0.5: measured from the centres of the pixels.
    rows, columns = (1 - (torch.arange(n) + 0.5 - n / 2).abs() / (n / 2) for n in (height, width))
    # Bounded below, since at the image's edge one tile alone counts and is divided by its weight again.
    return torch.minimum(rows[:, None], columns[None, :]).clamp(min=1e-3)
