"""Infers the classes of a data set: from a list beside the data, from its labels, or from the values of its masks."""

from collections.abc import Collection, Iterable, Sequence

from segpipe.annotations.class_map import IGNORE_LABELS, IGNORED
from segpipe.annotations.class_names import OBJECT, PLAUSIBLE, Classes, NameList, is_void
from segpipe.errors import DataError
from segpipe.record import BACKGROUND, IGNORE, is_background

VOC = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


def classes_from_labels(labels: Collection[str], listed: NameList | None) -> Classes:
    """Classes of labelled shapes: background first, then the list's names in its order, else the labels by name."""
    found = _objects(sorted(set(labels)))
    names = found if listed is None else _objects(listed.names)
    background = _background([*(listed.names if listed else ()), *sorted(labels)])
    problems = []
    if listed and set(found) - set(names):
        missing = ", ".join(sorted(set(found) - set(names)))
        problems.append(DataError(listed.file, f"does not list the labels {missing}", "Add them, or correct them in labelme."))
    if not names:
        problems.append(DataError("all JSON files", "no label but background in them", "Annotate objects in labelme."))
    # The files are examined all the same, which takes two classes.
    kept = names or [OBJECT]
    return Classes((background, *kept), IGNORE, listed.file if listed else "the labels found", tuple(problems))


def classes_from_list(names: Sequence[str], labels: Collection[str], origin: str) -> Classes:
    """Classes that the files themselves list, in their order, background first; without a list, those of the labels found."""
    objects = _objects(names or _by_number(labels))
    background = _background(names)
    problem = DataError("all files", "no class but background in them", "Annotate objects, and export them again.")
    return Classes((background, *objects), IGNORE, origin if names else "the class ids found", () if objects else (problem,))


def _objects(names: Iterable[str]) -> list[str]:
    """The names that are neither background nor ignored."""
    return [name for name in names if name not in IGNORE_LABELS and not is_background(name)]


def _background(names: Iterable[str]) -> str:
    """The first of the names that is background's, else our own."""
    return next(filter(is_background, names), BACKGROUND)


def _by_number(labels: Collection[str]) -> list[str]:
    """class_0, class_1 and so on up to the last one found."""
    return [f"class_{number}" for number in range(1 + max((int(label.rpartition("_")[2]) for label in labels), default=-1))]


def classes_from_ids(found: Sequence[int], listed: NameList | None, is_voc: bool) -> Classes:
    """Classes of the ids that the masks hold: the list's names, VOC's own, else class_1 and so on.

    A list that names the objects only, one fewer than the ids from 0 on, gets background before them.
    """
    top = max((value for value in found if value != IGNORE), default=0)
    if listed:
        names, origin = listed.names, listed.file
        if 0 in found and top == len(names) and not any(map(is_background, names)):
            names, origin = (BACKGROUND, *names), f"{listed.file}, and background for 0, which it does not name"
        names, ignored = _without_void(names, found)
    else:
        names, ignored = (BACKGROUND, *(f"class_{number}" for number in range(1, top + 1))), IGNORE
        origin = "the ids found, since no classes.txt names them"
    if len(names) < 2:
        names = (BACKGROUND, *(_objects(names) or [OBJECT]))
    if is_voc and not listed and len(names) <= len(VOC):
        names, origin = VOC, "PASCAL VOC"
    ids = [value for value in found if value != ignored]
    problems = (*(listed.gaps() if listed else ()), *_id_problems(ids, found, names, listed))
    names = (BACKGROUND, OBJECT) if problems and not listed and not is_voc else names
    return Classes(tuple(names), ignored, origin, problems)


def classes_from_unknown_colours(colours: Sequence[str]) -> Classes:
    """What cannot be classes of a VOC tree: masks in colours that are not VOC's."""
    what = f"colours that are not PASCAL VOC's: {', '.join(colours[:8])}{' ...' if len(colours) > 8 else ''}"
    remedy = "Read the tree as images and masks: --kind masks --image-dir JPEGImages --mask-dir SegmentationClass."
    return Classes(VOC, IGNORE, "PASCAL VOC", (DataError("all masks", what, remedy),))


def _without_void(names: Sequence[str], found: Sequence[int]) -> tuple[tuple[str, ...], int]:
    """The names without those that mean "no class", and the value that a last one of these has in the masks.

    Elsewhere such a name becomes `__ignore__`: the ids after it keep their places. A first one stays, since many call
    their background so: a check of the data set warns of it.
    """
    at = len(names) - 1
    kept = (names[0], *(IGNORED if is_void(name) else name for name in names[1:]))
    if not is_void(names[-1]):
        return kept, IGNORE
    return kept[:-1], IGNORE if IGNORE in found and at not in found else at


def _id_problems(ids: Sequence[int], found: Sequence[int], names: Sequence[str], listed: NameList | None) -> list[DataError]:
    """What keeps these ids from being classes."""
    if set(found) == {0, IGNORE}:
        remedy = "Save the object's pixels as 1: 255 means a pixel that is not looked at."
        return [DataError("all masks", "only the values 0 and 255 in them, as in a picture in black and white", remedy)]
    if set(ids) <= {0}:
        remedy = "Annotate objects, or check that the masks hold class ids."
        return [DataError("all masks", "only class 0 in them, so there is nothing to learn", remedy)]
    if listed:
        strange = [value for value in ids if value >= len(names)]
        what = f"names {len(names)} classes, but the masks hold {_some(strange)} too"
        remedy = f"Name every id from 0 to {max(ids)}, a line each, or correct the masks."
        return [DataError(listed.file, what, remedy)] if strange else []
    if max(ids) >= PLAUSIBLE or (max(ids) > 8 and 2 * len(ids) <= max(ids)):
        what = f"the values {_some(ids)} in them, which hardly are class ids"
        remedy = "Save each pixel as the id of its class, 0, 1, 2 and so on, or name every id in classes.txt, a line each."
        return [DataError("all masks", what, remedy)]
    return []


def _some(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:8])) + (f" ... {values[-1]}" if len(values) > 8 else "")
