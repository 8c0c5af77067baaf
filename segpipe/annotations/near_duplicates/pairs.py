"""Near-duplicates: which images show the same picture, and the clusters that no split may separate."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segpipe.annotations.name_groups import suggest_pattern
from segpipe.annotations.near_duplicates.fingerprint import Fingerprint, parse_fingerprint
from segpipe.annotations.near_duplicates.parts import find_overlaps
from segpipe.annotations.near_duplicates.whole import find_same_images
from segpipe.errors import DataError, Fix

Kind = Literal["same", "resized", "flipped", "cropped"]
LARGE = 0.1
"""Share of all images from which on a cluster hinders the split and gets a warning of its own."""


@dataclass(frozen=True)
class Pair:
    """Two images of one picture, first < second.

    `same` in size and position, `resized`, `flipped` (mirrored or turned by quarters, of any size), or `cropped`: one is a
    part of the other, or both overlap. `distance` is 0 for equal pixels and at most 0.4.
    """

    first: str
    second: str
    kind: Kind
    distance: float


def pairs(fingerprints: Mapping[str, bytes]) -> list[Pair]:
    """All pairs that show the same picture or parts of it, sorted by their ids."""
    ids = sorted(fingerprints)
    found: dict[tuple[int, int], Pair] = {}
    parsed = [parse_fingerprint(fingerprints[each]) for each in ids]
    for first, second, kind, distance in _find_pairs(parsed):
        key = min(first, second), max(first, second)
        if key not in found:  # the sure kinds come first
            found[key] = Pair(ids[key[0]], ids[key[1]], kind, round(distance, 3))
    return [found[key] for key in sorted(found)]


def clusters(found: Iterable[Pair]) -> dict[str, str]:
    """The connected components of the pairs: for each id in one its name, the smallest id in it; sorted by id."""
    name: dict[str, str] = {}

    def root(each: str) -> str:
        while name.setdefault(each, each) != each:
            name[each] = name[name[each]]  # path halving
            each = name[each]
        return each

    # Union-find: the smaller root stays, so that a cluster is named by its smallest id.
    for pair in found:
        low, high = sorted((root(pair.first), root(pair.second)))
        name[high] = low
    return {each: root(each) for each in sorted(name)}


def warnings(found: Sequence[Pair], ids: Sequence[str], subsets_of: Mapping[str, str] | None = None) -> list[DataError]:
    """What a person should know of the pairs: each of them, and clusters so large that they hinder a split.

    Where the names of all images, `ids`, show sequences, these are suggested as groups. Pairs that a given split separates,
    by `subsets_of` (see `split_leaks.subsets`), are left to the warnings of split_leaks.
    """
    remedy_for_pairs = "split.join_duplicates keeps them in one part; remove one if it is there by mistake."
    subsets_of = subsets_of or {}
    kept = [each for each in found if subsets_of.get(each.first) == subsets_of.get(each.second)]
    of_pairs = [
        DataError(f"{each.first} = {each.second}", _DESCRIPTIONS[each.kind], remedy_for_pairs, warning=True) for each in kept
    ]
    large = [(name, count) for name, count in Counter(clusters(found).values()).items() if count >= max(LARGE * len(ids), 10)]
    pattern = suggest_pattern(ids) if large else None
    remedy = "Frames of a video: put each sequence's name into the images' names and group by it."
    fix = (Fix("split.group", "name"), Fix("split.group_pattern", pattern)) if pattern else None
    chains = [
        DataError(f"{count} images like {name}", "near-duplicates linked to a long chain", remedy, fix, True)
        for name, count in sorted(large)
    ]
    return [*of_pairs, *chains]


_DESCRIPTIONS = {
    "same": "the same picture twice",
    "resized": "the same picture in two sizes",
    "flipped": "the same picture mirrored or turned",
    "cropped": "one picture a part of the other, or both parts of one",
}


def _find_pairs(parsed: Sequence[Fingerprint]) -> Iterator[tuple[int, int, Kind, float]]:
    """Equal pixels first, then the same whole image, then shared parts."""
    equal: dict[bytes, list[int]] = defaultdict(list)
    for index, each in enumerate(parsed):
        equal[each.digest].append(index)
    for group in equal.values():
        yield from ((group[0], other, "same", 0.0) for other in group[1:])
    for first, second, orientation, correlation in find_same_images(parsed):
        yield first, second, _kind(parsed[first], parsed[second], orientation), 1 - correlation
    for first, second, alignment in find_overlaps(parsed):
        yield first, second, "cropped", 1 - alignment.correlation


def _kind(first: Fingerprint, second: Fingerprint, orientation: int) -> Kind:
    if orientation:
        return "flipped"
    return "same" if (first.width, first.height) == (second.width, second.height) else "resized"
