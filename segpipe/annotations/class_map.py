"""Classes merged, renamed and dropped: from the names that the files use to the ids that the masks get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segpipe.errors import PipelineError
from segpipe.record import BACKGROUND_NAMES, IGNORE

DROP, IGNORED = "__drop__", "__ignore__"
IGNORE_LABELS = (IGNORED, "ignore")
"""Labels that mean "do not look here" in every format of shapes."""
DROPPED = -1


@dataclass(frozen=True)
class ClassIds:
    """`classes` are the final names in the order of their ids. `ids` gives each name in the files its id, 255 or DROPPED."""

    classes: tuple[str, ...]
    ids: dict[str, int]


def class_ids(names: Sequence[str], class_map: Mapping[str, str]) -> ClassIds:
    """The final classes: `names` in their order, each under its new name, once; new names that are in no list come last.

    A name mapped to `__drop__` is left out (its shapes are not painted), one mapped to `__ignore__` becomes 255.
    Raises PipelineError where fewer than two classes are left, or more than 255.
    """
    renamed = [class_map.get(name, name) for name in names] + list(class_map.values())
    classes = tuple(dict.fromkeys(name for name in renamed if name not in (DROP, IGNORED)))
    if not 2 <= len(classes) <= IGNORE:
        left = f"only the class {classes[0]}" if len(classes) == 1 else f"{len(classes) or 'no'} classes"
        raise PipelineError(f"data.class_map: leaves {left}; 2 to 255 are needed. Take out some of its lines.")
    of_class = {name: number for number, name in enumerate(classes)} | {DROP: DROPPED, IGNORED: IGNORE}
    ids = dict.fromkeys(IGNORE_LABELS, IGNORE)
    ids |= dict.fromkeys(BACKGROUND_NAMES, 0) if classes[0] in BACKGROUND_NAMES else {}
    ids |= {name: of_class[class_map.get(name, name)] for name in (*names, *class_map)}
    return ClassIds(classes, ids)
