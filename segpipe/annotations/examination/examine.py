"""Examines every image with its annotation, on all cores: checks, statistics and the mask, computed or from the cache."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from segpipe.annotations import measure
from segpipe.annotations.examination import result_cache
from segpipe.annotations.examination.image_info import ImageInfo, image_info
from segpipe.annotations.examination.result_cache import CacheView
from segpipe.annotations.items import AnnotationSummary, Item, ParsedAnnotation, Reader
from segpipe.console.progress import track
from segpipe.errors import DataError
from segpipe.images.encode import encode_mask
from segpipe.record import IGNORE, Record
from segpipe.storage.byte_source import InMemory
from segpipe.storage.examination_cache import Cache

SERIAL_UP_TO = 32
"""Up to so many images are read in this process: starting others takes longer."""
BATCH = 256
"""Results that are written to the cache at once, so that an interrupted command has saved most of them."""
NO_CACHE = Cache(None)

Result = TypeVar("Result")


@dataclass(frozen=True)
class ExaminedItem:
    """One item: its record where image and annotation are sound, what its annotation holds, and all that is wrong.

    `fingerprint` is for finding near-duplicates, empty where they are not looked for.
    """

    summary: AnnotationSummary
    record: Record | None
    problems: tuple[DataError, ...]
    fingerprint: bytes = b""


@dataclass(frozen=True)
class EncodedAnnotation:
    """An annotation with its mask as a PNG, and the pixel count of each of the 256 values; None and empty without a mask."""

    parsed: ParsedAnnotation
    mask_png: bytes | None
    counts: tuple[int, ...]


def examine_all(
    items: Sequence[Item],
    read: Reader,
    n_classes: int,
    near_duplicates: str,
    processes: int | None = None,
    cache: Cache = NO_CACHE,
) -> Iterator[ExaminedItem]:
    """Examines each item, on all cores where there are many; the results come in the order of the items."""
    work = partial(_examine, read=read, n_classes=n_classes, near_duplicates=near_duplicates)
    return map_items(items, work, "reading", cache, processes)


def map_items(
    items: Sequence[Item],
    work: Callable[[Item, CacheView], Result],
    what: str,
    cache: Cache = NO_CACHE,
    processes: int | None = None,
) -> Iterator[Result]:
    """The results of `work` for each item, in their order, on all cores where they are many; new ones go into the cache.

    `what` names the work while it goes on. Without `processes` all cores work.
    """
    task = partial(_run_one, work=work, cache=cache)
    if len(items) <= SERIAL_UP_TO or processes == 1:
        yield from _store_in_batches(track(map(task, items), what, len(items)), cache)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from _store_in_batches(track(pool.map(task, items, chunksize=8), what, len(items)), cache)


def _run_one(item: Item, work: Callable[[Item, CacheView], Result], cache: Cache) -> tuple[Result, CacheView]:
    cache_view = CacheView(cache)
    return work(item, cache_view), cache_view


def _store_in_batches(results: Iterator[tuple[Result, CacheView]], cache: Cache) -> Iterator[Result]:
    """The results, passed through; new cache entries, and which ones were used, are written in batches."""
    new: list[tuple[str, bytes]] = []
    used: list[str] = []
    for number, (result, cache_view) in enumerate(results, start=1):
        new += cache_view.new
        used += cache_view.used
        if number % BATCH == 0 and new:
            cache.keep(new, used)
            new, used = [], []
        yield result
    if new or used:
        cache.keep(new, used)


def _examine(item: Item, cache_view: CacheView, read: Reader, n_classes: int, near_duplicates: str) -> ExaminedItem:
    parsed = ParsedAnnotation(None)
    problems: list[DataError] = []
    record, fingerprint = None, b""
    try:
        content = item.image.read()
        sha256 = hashlib.sha256(content).hexdigest()
        info = _image_info(item, content, sha256, near_duplicates, cache_view)
        problems += [DataError(item.source, *_without_file(each)) for each in info.problems]
        encoded = _annotation(item, info, sha256, read, cache_view)
        parsed = encoded.parsed
        if encoded.mask_png is not None:
            record, fingerprint = _record(item, info, sha256, encoded, encoded.mask_png, n_classes), info.fingerprint
    except DataError as problem:
        problems.append(problem)
    except OSError as error:
        problems.append(DataError(item.source, f"could not be read ({error.strerror})", "Mend its rights, or copy it again."))
    return ExaminedItem(
        AnnotationSummary(item, parsed.values, parsed.code_counts), record, (*parsed.problems, *problems), fingerprint
    )


def _without_file(problem: DataError) -> tuple[Any, ...]:
    """A problem without the file's name: another file may hold the same bytes."""
    return problem.problem, problem.remedy, problem.fix, problem.warning


def _image_info(item: Item, content: bytes, sha256: str, near_duplicates: str, cache_view: CacheView) -> ImageInfo:
    return cache_view.get_or_compute(
        result_cache.image_key(sha256, near_duplicates),
        lambda: image_info(content, item.source, near_duplicates),
        vars,
        lambda plain: ImageInfo(**plain),
    )


def _annotation(item: Item, info: ImageInfo, sha256: str, read: Reader, cache_view: CacheView) -> EncodedAnnotation:
    return cache_view.get_or_compute(
        result_cache.annotation_key("mask", item, sha256, read),
        lambda: _read_annotation(item, info, read),
        lambda encoded: [fields_without_mask(encoded.parsed), encoded.mask_png, " ".join(map(str, encoded.counts))],
        lambda plain: EncodedAnnotation(ParsedAnnotation(None, **plain[0]), plain[1], tuple(map(int, plain[2].split()))),
    )


def fields_without_mask(parsed: ParsedAnnotation) -> dict[str, Any]:
    """All fields of an annotation but its mask, by name."""
    return {each.name: getattr(parsed, each.name) for each in fields(parsed) if each.name != "mask"}


def _read_annotation(item: Item, info: ImageInfo, read: Reader) -> EncodedAnnotation:
    parsed = read(item, info.width, info.height)
    if parsed.mask is None:
        return EncodedAnnotation(parsed, None, ())
    counts = tuple(int(count) for count in measure.class_counts(parsed.mask))
    return EncodedAnnotation(replace(parsed, mask=None), encode_mask(parsed.mask), counts)


def _record(item: Item, info: ImageInfo, sha256: str, encoded: EncodedAnnotation, mask_png: bytes, n_classes: int) -> Record:
    return Record(
        id=item.id,
        source=item.source,
        suffix=item.suffix or Path(item.source).suffix.lower(),
        width=info.width,
        height=info.height,
        channels=info.channels,
        bits=info.bits,
        image_sha256=sha256,
        mask_sha256=hashlib.sha256(mask_png).hexdigest(),
        given=item.given,
        group=item.group,
        twin="",
        pixels=encoded.counts[:n_classes],
        ignored=encoded.counts[IGNORE],
        sums=info.sums,
        squares=info.squares,
        low=info.low,
        high=info.high,
        spacing=info.spacing,
        image=item.image,
        mask_png=InMemory(mask_png),
    )
