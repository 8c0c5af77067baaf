"""Any annotation to one canonical form, after every file was looked at: problems are told all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe.annotations.doctor import refuse
from segpipe.annotations.examine import examine_all
from segpipe.annotations.formats import source_of
from segpipe.errors import DataError, PipelineError
from segpipe.params import DataParams
from segpipe.record import BACKGROUND_NAMES, DatasetInfo, Record


@dataclass(frozen=True)
class Examination:
    """All that was found in a data set: the sound records sorted by id, the final classes, and all problems."""

    records: tuple[Record, ...]
    classes: tuple[str, ...]
    problems: tuple[DataError, ...]


def convert(data: DataParams, sample_classes: Sequence[str]) -> tuple[list[Record], DatasetInfo]:
    """Reads and checks all images of `data.path`. Returns the records sorted by id, and what they share.

    Raises PipelineError that names every problem of the data set.
    """
    examination = examine(data, sample_classes)
    refuse(examination.problems)
    return list(examination.records), info_of(examination)


def examine(data: DataParams, sample_classes: Sequence[str]) -> Examination:
    """Looks at every image and annotation of `data.path`. Raises PipelineError only where there is nothing to look at."""
    root = _existing(data)
    source = source_of(data, root, sample_classes)
    if not source.found.items and not source.found.problems:
        raise PipelineError(f"{root}: no annotated images in it. data.source is {data.source}; does data.path fit it?")
    examined = list(examine_all(source.found.items, source.read, len(source.classes)))
    records = tuple(each.record for each in examined if each.record)
    own = [problem for each in examined for problem in each.problems]
    together = source.judge([each.seen for each in examined])
    return Examination(records, source.classes, (*source.found.problems, *own, *together, *_shared_problems(records)))


def info_of(examination: Examination) -> DatasetInfo:
    """What all images share."""
    records, classes = examination.records, examination.classes
    channels = max(record.channels for record in records)
    return DatasetInfo(classes, classes[0] in BACKGROUND_NAMES, channels, records[0].bits, len(records))


def _existing(data: DataParams) -> Path:
    root = Path(data.path)
    if not root.exists():
        raise PipelineError(f"data.path: {root} does not exist. Run `segpipe init PATH` with the folder of your data.")
    return root


def _shared_problems(records: Sequence[Record]) -> list[DataError]:
    """What no single image shows: different bit depths, and a data set without any object."""
    if not records:
        return []
    problems = []
    deep = [record for record in records if record.bits == 16]
    if 0 < len(deep) < len(records):
        problems += [
            DataError(record.source, "16 bits a channel where other images have 8", "Bring all images to one depth.")
            for record in deep
        ]
    if not any(sum(record.pixels[1:]) for record in records):
        ignored = sum(record.ignored for record in records) > 0
        remedy = (
            "Their other value is the ignored 255: save the object's pixels as 1."
            if ignored
            else "Annotate objects, or check that the masks hold class ids."
        )
        problems.append(DataError("all masks", "only class 0 in them, so there is nothing to learn", remedy))
    return problems
