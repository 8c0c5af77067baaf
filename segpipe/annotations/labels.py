"""Labels of drawn shapes, in whatever format: those that no list of classes names, all told together."""

from collections.abc import Sequence

from segpipe.annotations.class_map import ClassIds
from segpipe.annotations.items import Seen
from segpipe.errors import DataError, Fix


def judge(seen: Sequence[Seen], ids: ClassIds, key: str) -> list[DataError]:
    """A problem for each file with a label that neither `key` (such as data.labelme.classes) nor data.class_map knows."""
    remedy = f"Add it to {key}, map it in data.class_map, or correct it in the files."
    return [
        DataError(each.item.annotation_name, f'a label that {key} does not list: "{label}"', remedy, Fix(key, label, adds=True))
        for each in seen
        for label in each.values
        if label not in ids.ids
    ]
