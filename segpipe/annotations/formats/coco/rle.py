"""COCO's run-length encoding (RLE): runs of 0 and 1 in turn, column after column, as numbers or packed into text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.record import Mask

MAX_CHARACTERS = 7
"""Of 5 bits each: no run of an image that is read needs more."""


class RunError(ValueError):
    """Why the run lengths give no mask, in words for a person."""


def decode(counts: Any, height: int, width: int) -> Mask:
    """The (H, W) mask of 0 and 1. `counts` is a list of numbers, or text as COCO packs them.

    Nothing larger than the input is made before the runs are known to cover exactly H x W pixels. Raises RunError.
    """
    runs = decompress(counts) if isinstance(counts, str) else _from_list(counts)
    pixels = height * width
    # A bound on each run keeps the sum of any number of them exact.
    if runs.size and (int(runs.min()) < 0 or int(runs.max()) > pixels):
        raise RunError("a run length below 0 or above the image's pixels")
    if int(runs.sum()) != pixels:
        raise RunError("run lengths that do not add up to the image's pixels")
    values = (np.arange(len(runs)) % 2).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def decompress(text: str) -> NDArray[np.int64]:
    """The run lengths that a text of COCO's stands for: 5 bits a character, the lowest first; from the fourth on, each
    number is the difference to the one two places before (pycocotools, maskApi.c, rleFrString). Raises RunError.
    """
    try:
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise RunError("run lengths in characters that COCO does not use") from None
    if not codes.size:
        return codes
    if codes.min() < 0 or codes.max() > 63:
        raise RunError("run lengths in characters that COCO does not use")
    # Bit 5 of a character says that the number goes on in the next one.
    ends = np.flatnonzero(codes & 32 == 0)
    if not ends.size or ends[-1] != codes.size - 1:
        raise RunError("run lengths that break off")
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > MAX_CHARACTERS:
        raise RunError("a run length below 0 or above the image's pixels")
    starts = ends - lengths + 1
    places = np.arange(codes.size) - np.repeat(starts, lengths)
    # (codes,) to (numbers,): 5 bits a character, shifted to their places and added up.
    numbers = np.add.reduceat((codes & 31) << (5 * places), starts)
    # Bit 4 of the last character is the sign, in two's complement.
    numbers -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    # Odd and even numbers add up apart, each to the one two places before; number 0 stays out, as in maskApi.c.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _from_list(counts: Any) -> NDArray[np.int64]:
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise RunError("counts that are neither text nor a list of whole numbers")
    try:
        return np.array(counts, np.int64)
    except OverflowError:
        raise RunError("a run length below 0 or above the image's pixels") from None
