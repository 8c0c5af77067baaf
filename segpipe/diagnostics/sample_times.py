"""What a training sample takes before the loop sees it, of one core: reading its bytes, decoding, augmenting."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Decoded = TypeVar("Decoded")
FEWEST = 3


@dataclass(frozen=True)
class SampleTimes:
    """Mean seconds an image of one core; `decoding` checks the bytes and shrinks the image too."""

    reading: float
    decoding: float
    augmenting: float


def time_samples(
    ids: Sequence[str],
    read: Callable[[str], object],
    decode: Callable[[str], Decoded],
    augment: Callable[[str, Decoded], object],
    most_seconds: float,
) -> SampleTimes:
    """Reads, decodes and augments the samples in this process, until `most_seconds` are over, FEWEST at least where there are.

    `read` gives the bytes of a sample alone, as disk and system have them; `decode` reads them again, which is taken off.
    """
    # The first loads what decoding needs, and is counted only where it is the only one.
    _times(ids[0], read, decode, augment)
    found: list[tuple[float, float, float]] = []
    end = time.perf_counter() + most_seconds
    for item in ids[1:] or ids:
        found.append(_times(item, read, decode, augment))
        if len(found) >= FEWEST and time.perf_counter() > end:
            break
    return SampleTimes(*(statistics.mean(times) for times in zip(*found, strict=True)))


def _times(
    item: str, read: Callable[[str], object], decode: Callable[[str], Decoded], augment: Callable[[str, Decoded], object]
) -> tuple[float, float, float]:
    reading, _ = timed(lambda: read(item))
    reading_again, _ = timed(lambda: read(item))
    decoding, decoded = timed(lambda: decode(item))
    augmenting, _ = timed(lambda: augment(item, decoded))
    return reading, max(0.0, decoding - reading_again), augmenting


def timed(work: Callable[[], Decoded]) -> tuple[float, Decoded]:
    """The seconds that the work takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
