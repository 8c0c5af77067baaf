"""Any annotation to one canonical form, after every file was examined: all problems are reported at once."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from segpipe.annotations.checks.dataset_checks import warnings_of
from segpipe.annotations.checks.findings import refuse
from segpipe.annotations.examination import result_cache, unread_files
from segpipe.annotations.examination.examine import NO_CACHE, ExaminedItem, examine_all
from segpipe.annotations.examination.pages import split_pages
from segpipe.annotations.examination.result import Examination
from segpipe.annotations.examination.result_cache import CacheView
from segpipe.annotations.formats.table import source_of
from segpipe.annotations.groups import with_groups
from segpipe.annotations.items import AnnotationSummary, Source, images_below
from segpipe.annotations.labels import similar_names, unused_mappings
from segpipe.annotations.near_duplicates import pairs as near_duplicates
from segpipe.annotations.near_duplicates import split_leaks
from segpipe.errors import DataError, PipelineError
from segpipe.images.unsupported import files_below
from segpipe.params.schema import DataParams
from segpipe.record import DatasetInfo, Record, is_background
from segpipe.storage import listing
from segpipe.storage.byte_source import FileRange
from segpipe.storage.examination_cache import Cache


@contextlib.contextmanager
def spool_in(folder: Path) -> Iterator[Path]:
    """A file in `folder` for the masks while they wait; gone at the end, as are folders that nothing came into."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "masks.partial"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()


MASKS = ("masks", "voc")
"""The sources whose annotations are pixels; the others hold shapes."""


def convert(
    data: DataParams, sample_classes: Sequence[str], spool: Path, processes: int | None = None, cache: Cache = NO_CACHE
) -> tuple[Examination, DatasetInfo]:
    """Reads and checks all images of `data.path`. Returns the records, with all warnings, and what they share.

    The masks wait in the file `spool`. Without `processes` all cores work. Raises PipelineError that names every error.
    """
    examination = examine(data, sample_classes, spool, processes, cache)
    refuse(examination.problems)
    return examination, info_of(examination)


def examine(
    data: DataParams, sample_classes: Sequence[str], spool: Path, processes: int | None = None, cache: Cache = NO_CACHE
) -> Examination:
    """Examines every image and annotation of `data.path`, or takes the results from `cache`.

    Every image file there is read or reported. Raises PipelineError only where there is nothing to examine, or where links
    lead out of the folder.
    """
    root = _existing(data)
    listing.refuse_links_out(root)
    source = source_of(data, root, sample_classes)
    found = with_groups(source.found, root, data.groups)
    found = split_pages(found) if data.pages == "split" else found
    # Where there are other images, the problems of their annotations say more.
    unsupported = [*files_below(root, sniff=not found.items and not any(images_below(root))), *unread_files.link_problems(root)]
    if not found.items and all(problem.warning for problem in (*found.problems, *unsupported)):
        raise PipelineError(f"{root}: no annotated images in it. data.source is {data.source}; does data.path fit it?")
    results = examine_all(found.items, source.read, len(source.classes), data.near_duplicates, processes, cache)
    examined = list(_spooled(results, spool))
    records, duplicates = _with_clusters(examined, cache)
    own = [problem for each in examined for problem in each.problems]
    names = sample_classes if data.source == "sample" else getattr(data, data.source).classes
    across = _cross_file_problems(source, [each.summary for each in examined], records, data, names)
    problems = (*found.problems, *unsupported, *own, *across, *duplicates)
    unread_images = unread_files.unread_images(unread_files.image_files(root, source.members), source.found, problems)
    return Examination(records, source.classes, (*problems, *unread_images))


def _cross_file_problems(
    source: Source, summaries: Sequence[AnnotationSummary], records: Sequence[Record], data: DataParams, names: Sequence[str]
) -> list[DataError]:
    """Problems that only all files together show."""
    from_masks = data.source in MASKS
    found = [*source.check_all(summaries), *unused_mappings([] if from_masks else summaries, data.class_map, names)]
    # Where values are wrong, having nothing to learn is their consequence.
    shared = [] if any(not problem.warning for problem in found) else _shared_problems(records, from_masks)
    return [*found, *shared, *similar_names(records, source.classes), *warnings_of(records, source.classes)]


def _with_clusters(examined: Sequence[ExaminedItem], cache: Cache) -> tuple[tuple[Record, ...], list[DataError]]:
    """The sound records with their clusters of near-duplicates, and the warnings about these."""
    pairs = _pairs({each.summary.item.id: each.fingerprint for each in examined if each.fingerprint}, cache)
    names = near_duplicates.clusters(pairs)
    records = tuple(replace(each.record, twin=names.get(each.record.id, "")) for each in examined if each.record)
    return records, [
        *near_duplicates.warnings(pairs, [record.id for record in records], split_leaks.subsets(records)),
        *split_leaks.warnings(records),
    ]


def _pairs(fingerprints: Mapping[str, bytes], cache: Cache) -> list[near_duplicates.Pair]:
    """All pairs of near-duplicates; the same images in the same order have the same ones."""
    ids = sorted(fingerprints)
    number = {each: position for position, each in enumerate(ids)}
    cache_view = CacheView(cache)
    pairs = cache_view.get_or_compute(
        result_cache.pairs_key([fingerprints[each] for each in ids]),
        lambda: near_duplicates.pairs(fingerprints),
        lambda pairs: [(number[each.first], number[each.second], each.kind, each.distance) for each in pairs],
        lambda plain: [near_duplicates.Pair(ids[first], ids[second], kind, distance) for first, second, kind, distance in plain],
    )
    cache.keep(cache_view.new, cache_view.used)
    return pairs


def _spooled(examined: Iterable[ExaminedItem], spool: Path) -> Iterator[ExaminedItem]:
    """The same, with the masks moved into one file: those of 20,000 images do not fit into every memory."""
    spool.parent.mkdir(parents=True, exist_ok=True)
    with spool.open("wb") as stream:
        for each in examined:
            if each.record is None:
                yield each
                continue
            mask_png = each.record.mask_png.read()
            file_range = FileRange(spool, stream.tell(), len(mask_png))
            stream.write(mask_png)
            yield replace(each, record=replace(each.record, mask_png=file_range))


def info_of(examination: Examination) -> DatasetInfo:
    """What all images share."""
    records, classes = examination.records, examination.classes
    channels = max(record.channels for record in records)
    return DatasetInfo(classes, is_background(classes[0]), channels, records[0].bits, len(records))


def _existing(data: DataParams) -> Path:
    root = Path(data.path)
    if not root.exists():
        raise PipelineError(f"data.path: {root} does not exist. Run `segpipe init PATH` with the folder of your data.")
    return root


def _shared_problems(records: Sequence[Record], from_masks: bool) -> list[DataError]:
    """What no single image shows: different bit depths and channels, and a data set without any object."""
    if not records:
        return []
    problems = _mixed_channels(records)
    deep = [record for record in records if record.bits == 16]
    if 0 < len(deep) < len(records):
        problems += [
            DataError(record.source, "16 bits a channel where other images have 8", "Bring all images to one depth.")
            for record in deep
        ]
    if not any(sum(record.pixels[1:]) for record in records):
        ignored = sum(record.ignored for record in records) > 0
        if not from_masks:
            what = "no object in any of them, so there is nothing to learn"
            return [*problems, DataError("all annotations", what, "Draw objects, or see what the warnings say of those drawn.")]
        remedy = (
            "Their other value is the ignored 255: save the object's pixels as 1."
            if ignored
            else "Annotate objects, or check that the masks hold class ids."
        )
        problems.append(DataError("all masks", "only class 0 in them, so there is nothing to learn", remedy))
    return problems


def _mixed_channels(records: Sequence[Record]) -> list[DataError]:
    """Gray among RGB is repeated to RGB. Any other mixture is a mistake, most likely of the fewer images."""
    counts = Counter(record.channels for record in records)
    if len(counts) == 1 or counts.keys() == {1, 3}:
        return []
    most = max(counts, key=lambda channels: (counts[channels], channels))
    remedy = "Bring all images to the same channels. Only gray among RGB is brought to RGB."
    return [
        DataError(record.source, f"{record.channels} channel{'s'[: record.channels - 1]} where others have {most}", remedy)
        for record in records
        if record.channels != most
    ]
