"""The balance of a split: groups are whole, each part has its share of every class, and if not, why not."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from segpipe.console.tables import format_table
from segpipe.dataset.split.assign import Assignment
from segpipe.dataset.split.folds import TEST, TRAIN
from segpipe.errors import PipelineError
from segpipe.storage.files import write_json

OFF = Fraction(1, 10)
"""A class whose share in a part is further from the ideal than this share of the ideal is explained."""
NAMED = 10
"""Leaks and moves named in a sentence; the table has all leaks."""


@dataclass(frozen=True)
class ClassRow:
    """A class over the parts, in their order: its images and pixels in each, and the ideal shares of both (none: by list).

    `groups` is the number of groups that hold the class, `largest_group` the share of its pixels in the largest of them.
    """

    name: str
    groups: int
    largest_group: float
    images: tuple[int, ...]
    pixels: tuple[int, ...]
    ideal_images: tuple[float | None, ...]
    ideal_pixels: tuple[float | None, ...]


@dataclass(frozen=True)
class Leak:
    """A group that given lists cut: one of its images, and the number of its images in each part."""

    group: str
    images: dict[str, int]


@dataclass(frozen=True)
class BalanceReport:
    """What data/folds/proof.json holds. The first of `rows` counts the images themselves, and all pixels.

    `largest_deviation` is that of any class's share of pixels or images in a part, relative to the ideal, with the class
    and the part; none where lists decide everything.
    """

    parts: tuple[str, ...]
    n_groups: int
    n_joined: int
    rows: tuple[ClassRow, ...]
    largest_deviation: tuple[float, str, str] | None
    leaks: tuple[Leak, ...]
    notes: tuple[str, ...]


def compute(index: pd.DataFrame, pixels: Sequence[str], classes: Sequence[str], assignment: Assignment) -> BalanceReport:
    """Checks and counts the assignment. All counts are whole, so the same split gives the same report everywhere."""
    parts, groups = assignment.parts, assignment.groups
    # The test part first, then the folds by number (2 before 10), and `train` last.
    names = sorted(set(parts.values()) | set(assignment.shares), key=lambda part: (part != TEST, part == TRAIN, len(part), part))
    counts = index[list(pixels)].to_numpy(dtype=np.int64)
    ids = index.index.tolist()
    where = np.array([names.index(parts[item]) for item in ids])
    group_numbers = np.unique([groups[item] for item in ids], return_inverse=True)[1]
    columns = [("all images", counts.sum(axis=1), np.ones(len(counts), bool))]
    columns += [(name, counts[:, number], counts[:, number] > 0) for number, name in enumerate(classes)]
    rows = tuple(_row(name, held, present, where, group_numbers, names, assignment.shares) for name, held, present in columns)
    leaks = _leaks(parts, groups)
    size = Counter(groups.values())
    worst = [found for row in rows if (found := _worst(row, names))]
    return BalanceReport(
        parts=tuple(names),
        n_groups=len(size),
        n_joined=sum(number for number in size.values() if number > 1),
        rows=rows,
        largest_deviation=max(worst, key=lambda found: found[0], default=None),
        leaks=leaks,
        notes=tuple(note for row in rows if (note := _note(row, names, len(size) < len(parts)))),
    )


def write(path: Path, report: BalanceReport) -> None:
    """Writes proof.json, sorted and indented."""
    write_json(path, asdict(report))


def read(path: Path) -> BalanceReport:
    """Reads it again. Raises PipelineError where it is missing or broken."""
    try:
        return TypeAdapter(BalanceReport).validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PipelineError(f"{path}: not there yet. Run `dvc repro split`.") from None
    except ValidationError as error:
        raise PipelineError(f"{path}: broken ({error.errors()[0]['msg']}). Run `dvc repro --force split`.") from None


def cells(report: BalanceReport) -> list[list[str]]:
    """A head, the ideal, and a row a class: in each part the share of its pixels and the number of its images."""
    ideal = ["-" if share is None else f"{100 * share:.1f} %" for share in report.rows[0].ideal_images]
    lines = [["share of pixels (images)", *(_title(part) for part in report.parts)], ["ideal", *ideal]]
    for row in report.rows:
        shares = [f"{100 * _share(each, row.pixels):.1f} % ({n})" for each, n in zip(row.pixels, row.images, strict=True)]
        lines.append([row.name, *shares])
    return lines


def verdicts(report: BalanceReport) -> list[str]:
    """What the table proves, a sentence each, then what could not be balanced and why."""
    images = sum(report.rows[0].images)
    whole = f"{len(report.leaks)} cut by given lists" if report.leaks else "each in one part"
    groups = f"{_many(report.n_groups, 'group')} of {_many(images, 'image')}"
    lines = [f"{groups}, {whole}; {report.n_joined} images are not alone in theirs"]
    if report.largest_deviation:
        value, name, part = report.largest_deviation
        lines.append(f"largest deviation of a class's share: {100 * value:.1f} % of the ideal ({name}, {_title(part)})")
    return [*lines, *report.notes]


def table(report: BalanceReport) -> str:
    """The report for people, in columns."""
    head, *rows = cells(report)
    return "\n".join([format_table(rows, head), *verdicts(report)])


def warnings(report: BalanceReport, assignment: Assignment) -> list[str]:
    """What a person must know: groups that given lists cut, and images that had to leave the part they were in."""
    found = []
    if report.leaks:
        images = sum(sum(leak.images.values()) for leak in report.leaks)
        named = "; ".join(
            f"that of {leak.group} ({', '.join(f'{number} in {_title(part)}' for part, number in leak.images.items())})"
            for leak in report.leaks[:NAMED]
        )
        found.append(
            f"the given lists cut through {_many(len(report.leaks), 'group')} of {images} images, so images that belong "
            f"together lie on both sides: {named}{_more(report.leaks)}. They stay as given; mend the lists."
        )
    if assignment.moved:
        moves = [f"{item} from {_title(part)} to {_title(assignment.parts[item])}" for item, part in assignment.moved.items()]
        found.append(
            f"{_many(len(moves), 'image')} had to leave the earlier part, for groups that lay apart are one now: "
            f"{'; '.join(moves[:NAMED])}{_more(moves)}. Scores from before are not of the same parts; "
            "an empty kept_folds.csv assigns all images afresh."
        )
    return found


def parted_duplicates(index: pd.DataFrame, parts: Mapping[str, str]) -> list[str]:
    """A sentence on near-duplicates that lie in several parts, where given lists put images there and no group joins them."""
    clusters = {item: name for item, name in zip(index.index.tolist(), index["twin"].tolist(), strict=True) if name}
    leaks = _leaks({item: parts[item] for item in clusters}, clusters) if (index["given"] != "").any() else ()
    if not leaks:
        return []
    held_out = sum(number for leak in leaks for part, number in leak.images.items() if part != TRAIN)
    named = ", ".join(leak.group for leak in leaks[:NAMED])
    return [
        f"{_many(len(leaks), 'cluster')} of near-duplicates in several parts, {_many(held_out, 'image')} outside {TRAIN}: "
        f"those of {named}{_more(leaks)}. Scores on them are too good: mend the given lists, and set split.join_duplicates to "
        "true for images in none of them."
    ]


def _row(
    name: str,
    held: np.ndarray,
    present: np.ndarray,
    where: np.ndarray,
    group_numbers: np.ndarray,
    names: Sequence[str],
    shares: Mapping[str, Fraction],
) -> ClassRow:
    images = [int(present[where == part].sum()) for part in range(len(names))]
    pixels = [int(held[where == part].sum()) for part in range(len(names))]
    of_groups = np.zeros(int(group_numbers.max(initial=-1)) + 1, np.int64)
    # Not +=, which would count one image alone of those with the same group.
    np.add.at(of_groups, group_numbers, held)
    return ClassRow(
        name,
        len(set(group_numbers[present].tolist())),
        round(_share(int(of_groups.max(initial=0)), pixels), 6),
        tuple(images),
        tuple(pixels),
        _ideal(images, names, shares),
        _ideal(pixels, names, shares),
    )


def _ideal(amounts: Sequence[int], names: Sequence[str], shares: Mapping[str, Fraction]) -> tuple[float | None, ...]:
    """The ideal share of each part; what a given test list took is not there to be shared out."""
    listed = amounts[names.index(TEST)] if TEST in names and TEST not in shares else 0
    left = 1 - Fraction(listed, max(1, sum(amounts)))
    return tuple(None if part not in shares else round(float(shares[part] * left), 6) for part in names)


def _worst(row: ClassRow, names: Sequence[str]) -> tuple[float, str, str] | None:
    """The largest relative deviation of the row's shares from their ideals, its name and the part."""
    found = [
        (round(abs(_share(amount, amounts) - ideal) / ideal, 6), row.name, part)
        for amounts, ideals in ((row.pixels, row.ideal_pixels), (row.images, row.ideal_images))
        for amount, ideal, part in zip(amounts, ideals, names, strict=True)
        # A class that is in no image is nowhere too rare.
        if ideal and sum(amounts)
    ]
    return max(found, key=lambda each: each[0], default=None)


def _note(row: ClassRow, names: Sequence[str], grouped: bool) -> str:
    """Why a class is not balanced, or nothing where it is."""
    unit = "group" if grouped else "image"
    if not sum(row.images):
        return f"{row.name}: in no image"
    absent = [_title(part) for part, number in zip(names, row.images, strict=True) if not number]
    missing = f", none in {', '.join(absent)}" if absent else ""
    worst = _worst(row, names)
    if (worst is None or worst[0] <= OFF) and not absent:
        return ""
    how_far = f"{100 * worst[0]:.0f} % off its ideal in {_title(worst[2])}{missing}" if worst else missing[2:]
    if row.groups < len(names):
        why = f"it is in {_many(row.groups, unit)}, for {len(names)} parts"
    # More than any part should have: wherever that group lies, its part is off.
    elif worst and row.largest_group > (1 + OFF) * max(share for share in row.ideal_pixels if share):
        why = f"one {unit} has {100 * row.largest_group:.0f} % of it"
    elif worst is None:
        why = "given lists decide"
    else:
        why = f"no better way found to assign its {_many(row.groups, unit)} while earlier images stay"
    return f"{row.name}: {how_far}: {why}"


def _leaks(parts: Mapping[str, str], groups: Mapping[str, str]) -> tuple[Leak, ...]:
    """The groups that lie in several parts."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for item in sorted(parts):
        seen[groups[item]][parts[item]] += 1
    return tuple(Leak(group, dict(sorted(counts.items()))) for group, counts in sorted(seen.items()) if len(counts) > 1)


def _share(amount: int, amounts: Sequence[int]) -> float:
    return amount / max(1, sum(amounts))


def _title(part: str) -> str:
    return f"fold {part}" if part.isdigit() else part


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _more(things: Sequence[object]) -> str:
    return f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
