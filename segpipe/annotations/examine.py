"""Looks at every image with its annotation, on all cores: checked, measured, and its mask made."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from segpipe.annotations import measure
from segpipe.annotations.items import Annotated, Item, Reader, Seen
from segpipe.annotations.twins.fingerprint import fingerprint
from segpipe.errors import DataError
from segpipe.images import Pixels, decode, encode_mask, pixel_size, transparency
from segpipe.place import Held
from segpipe.progress import track
from segpipe.record import IGNORE, Mask, Record

FEW = 32
"""So few images are read in this process: starting others takes longer."""


@dataclass(frozen=True)
class Examined:
    """One item: its record where image and annotation are sound, what its annotation holds, and all that is wrong.

    `fingerprint` tells images that look alike, empty where none was asked for.
    """

    seen: Seen
    record: Record | None
    problems: tuple[DataError, ...]
    fingerprint: bytes = b""


def examine_all(
    items: Sequence[Item], read: Reader, n_classes: int, near_duplicates: str, processes: int | None = None
) -> Iterator[Examined]:
    """Examines each item, on all cores where there are many; the results come in the order of the items."""
    look = partial(_examine, read=read, n_classes=n_classes, near_duplicates=near_duplicates)
    if len(items) <= FEW or processes == 1:
        yield from track(map(look, items), "reading", len(items))
        return
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        yield from track(pool.map(look, items, chunksize=8), "reading", len(items))


def _examine(item: Item, read: Reader, n_classes: int, near_duplicates: str) -> Examined:
    annotated = Annotated(None)
    problems: list[DataError] = []
    record, seen_as = None, b""
    try:
        content = item.image.read()
        image = decode(content, item.source)
        annotated = read(item, image.shape[1], image.shape[0])
        if annotated.mask is not None:
            record = _record(item, content, image, annotated.mask, n_classes)
            seen_as = fingerprint(image, near_duplicates == "parts") if near_duplicates != "none" else b""
        problems += transparency(content, item.source)
    except DataError as problem:
        problems.append(problem)
    except OSError as error:
        problems.append(DataError(item.source, f"could not be read ({error.strerror})", "Mend its rights, or copy it again."))
    return Examined(Seen(item, annotated.values, annotated.tally), record, (*annotated.problems, *problems), seen_as)


def _record(item: Item, content: bytes, image: Pixels, mask: Mask, n_classes: int) -> Record:
    mask_png = encode_mask(mask)
    counts, values = measure.class_counts(mask), measure.histograms(image)
    sums, squares = measure.sums_and_squares(values)
    return Record(
        id=item.id,
        source=item.source,
        suffix=item.suffix or Path(item.source).suffix.lower(),
        width=image.shape[1],
        height=image.shape[0],
        channels=image.shape[2],
        bits=8 * image.dtype.itemsize,
        image_sha256=hashlib.sha256(content).hexdigest(),
        mask_sha256=hashlib.sha256(mask_png).hexdigest(),
        given=item.given,
        group=item.group,
        twin="",
        pixels=tuple(int(count) for count in counts[:n_classes]),
        ignored=int(counts[IGNORE]),
        sums=sums,
        squares=squares,
        low=measure.percentile(values, measure.LOW),
        high=measure.percentile(values, measure.HIGH),
        spacing=pixel_size(content, item.source),
        image=item.image,
        mask_png=Held(mask_png),
    )
