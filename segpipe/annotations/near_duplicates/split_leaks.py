"""Data leaks of a given split: near-duplicates on both sides, so that the model has trained on what it is tested on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from segpipe.errors import DataError
from segpipe.record import Record

HELD_OUT = {"val": "val", "test": "test"}
"""The given parts that are never trained on; images of any other are, or may be."""
TRAINED = "train"
SHOWN = 3


def warnings(records: Sequence[Record]) -> list[DataError]:
    """A warning for each cluster of near-duplicates, or of equal files, in several given parts; each says how many there are.

    Images that no list gives a part count as trained on, where others are given one: no given part takes them in.
    """
    clusters: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        clusters[record.twin or record.image_sha256].append(record)
    cut = [own for own in clusters.values() if len({_subset(record) for record in own}) > 1]
    held_out = [record for own in cut for record in own if _subset(record) != TRAINED]
    number = f"{len(held_out)} image{'s' if len(held_out) > 1 else ''}"
    what = f"the given split puts copies and near-duplicates into several parts, {number} of val and test in all"
    remedy = "Scores on them are too good: take them out of one of the parts, or remove them."
    return [DataError(_format_cluster(own), what, remedy, warning=True) for own in cut]


def subsets(records: Iterable[Record]) -> dict[str, str]:
    """train, val or test for each image, by its id. All are for training where no list says otherwise."""
    return {record.id: _subset(record) for record in records}


def _subset(record: Record) -> str:
    return HELD_OUT.get(record.given, TRAINED)


def _format_cluster(cluster: Sequence[Record]) -> str:
    """Some of the images, each with its part; at least one of each part."""
    ordered = sorted(cluster, key=lambda record: record.id)
    first = {_subset(record): record for record in reversed(ordered)}  # of each part the smallest id
    chosen = [first[side] for side in sorted(first)]
    chosen += [record for record in ordered if record not in chosen][: max(0, SHOWN - len(chosen))]
    more = f" and {len(cluster) - len(chosen)} more" if len(cluster) > len(chosen) else ""
    return " = ".join(f"{record.id} ({record.given or TRAINED})" for record in chosen) + more
