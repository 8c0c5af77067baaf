"""Labels of shapes, whatever the format: those missing from the list of classes, and those that hardly differ."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from segpipe.annotations.class_map import DROP, DROPPED, IGNORED, ClassIds
from segpipe.annotations.items import AnnotationSummary
from segpipe.errors import DataError, Fix
from segpipe.record import IGNORE, Record, is_background

MAP = "data.class_map"


def unknown_labels(summaries: Sequence[AnnotationSummary], ids: ClassIds, key: str) -> list[DataError]:
    """A problem for each file with a label that neither `key` (such as data.labelme.classes) nor data.class_map knows."""
    near = _by_normalised(ids.ids)
    background = ids.classes[0] if is_background(ids.classes[0]) else ""
    return [
        _unknown_label(
            each.item.annotation_name, label, near.get(_normalised(label), [background * is_background(label)])[0], ids, key
        )
        for each in summaries
        for label in each.values
        if label not in ids.ids
    ]


def similar_names(records: Sequence[Record], classes: Sequence[str]) -> list[DataError]:
    """A warning for each class whose name differs from that of a more frequent one in case or blanks only.

    And for each further class with a name of background.
    """
    images = [sum(record.pixels[number] > 0 for record in records) for number in range(len(classes))]
    problems = []
    others = [name for name in classes[1:] if is_background(name)]
    spellings = _by_normalised(name for name in classes if name not in others).values()
    frequent = (sorted(names, key=lambda name: -images[classes.index(name)]) for names in spellings)
    for ordered in ([classes[0], *others], *frequent):
        for name in ordered[1:]:
            what = f'hardly another name than class "{ordered[0]}"'
            fix = Fix(MAP, (name, ordered[0]), adds=True)
            problems.append(DataError(f"class {name}", what, "If both mean the same, merge them.", fix, warning=True))
    return problems


def unused_mappings(
    summaries: Sequence[AnnotationSummary], class_map: Mapping[str, str], names: Sequence[str]
) -> list[DataError]:
    """A warning for each name that data.class_map maps, though no class and no label in a file is called so."""
    known = {*names, *(label for each in summaries for label in each.values)}
    strange = [f'maps "{name}", but no class and no label is called so' for name in class_map if name not in known]
    return [DataError(MAP, what, "Correct its spelling, or take it out.", warning=True) for what in strange]


def _unknown_label(file: str, label: str, near: str, ids: ClassIds, key: str) -> DataError:
    if not near:
        what = f'a label that {key} does not list: "{label}"'
        remedy = f"Add it to {key}, map it in {MAP}, or correct it in the files."
        return DataError(file, what, remedy, Fix(key, label, adds=True))
    number = ids.ids[near]
    meant = {DROPPED: DROP, IGNORE: IGNORED}.get(number) or ids.classes[number]
    what = f'a label that {key} spells otherwise: "{label}", there "{near}"'
    return DataError(file, what, f"Map it in {MAP}, or correct it in the files.", Fix(MAP, (label, meant), adds=True))


def _by_normalised(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[_normalised(name)].append(name)
    return found


def _normalised(name: str) -> str:
    """A name without what people write in different ways: case, blanks and hyphens, the composition of accents (NFC)."""
    plain = unicodedata.normalize("NFC", name)
    if len(plain) == 1:  # letters as classes: A is not a
        return plain
    plain = unicodedata.normalize("NFC", plain.casefold())
    return "_".join(plain.replace("-", " ").replace("_", " ").split())
