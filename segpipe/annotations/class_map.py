"""Classes merged, renamed and dropped: from the names that the files use to the ids that the masks get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe.errors import PipelineError
from segpipe.record import BACKGROUND, IGNORE, is_background

DROP, IGNORED = "__drop__", "__ignore__"
IGNORE_LABELS = (IGNORED, "ignore")
"""Labels that mean "do not look here" in every format of shapes."""
DROPPED = -1
BACKGROUND_LABELS = (BACKGROUND, "_background_")
"""Labels that mean background in every format of shapes, whatever the class is called."""


@dataclass(frozen=True)
class ClassIds:
    """`classes` are the final names in the order of their ids. `ids` gives each name in the files its id, 255 or DROPPED."""

    classes: tuple[str, ...]
    ids: dict[str, int]


def class_ids(names: Sequence[str], class_map: Mapping[str, str]) -> ClassIds:
    """The final classes: `names` in their order, each under its new name, once; new names that are in no list come last.

    Background comes first wherever it stands (CVAT lists classes by the alphabet): id 0 is background in every mask that
    is written. A name mapped to `__drop__` is left out (its shapes are not painted), one mapped to `__ignore__` becomes 255.
    Raises PipelineError where fewer than two classes are left, or more than 255.
    """
    renamed = [class_map.get(name, name) for name in names] + list(class_map.values())
    classes = _background_first(tuple(dict.fromkeys(name for name in renamed if name not in (DROP, IGNORED))))
    if not 2 <= len(classes) <= IGNORE:
        left = f"only the class {classes[0]}" if len(classes) == 1 else f"{len(classes) or 'no'} classes"
        raise PipelineError(f"data.class_map: leaves {left}; 2 to 255 are needed. Take out some of its lines.")
    of_class = {name: number for number, name in enumerate(classes)} | {DROP: DROPPED, IGNORED: IGNORE}
    ids = dict.fromkeys(IGNORE_LABELS, IGNORE)
    ids |= dict.fromkeys(BACKGROUND_LABELS, 0) if is_background(classes[0]) else {}
    # Last, since a class that is listed under one of these names is that class.
    ids |= {name: of_class[class_map.get(name, name)] for name in (*names, *class_map)}
    return ClassIds(classes, ids)


def _background_first(classes: tuple[str, ...]) -> tuple[str, ...]:
    at = next((at for at, name in enumerate(classes) if is_background(name)), 0)
    return (*classes[at : at + 1], *classes[:at], *classes[at + 1 :])
