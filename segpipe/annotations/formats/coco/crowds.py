"""COCO's crowds (iscrowd 1): how an annotation says that it is one, and categories that consist of nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segpipe.annotations.class_map import DROPPED, ClassIds
from segpipe.errors import DataError, Fix
from segpipe.record import IGNORE

AS_OBJECTS = Fix("data.coco.crowds", "object")
IGNORED_CROWD = "a crowd (iscrowd is 1), which is ignored where no object is drawn"
IF_OBJECT = "If it is one object, set data.coco.crowds to object, or its iscrowd to 0."
NEITHER = ("an iscrowd that is neither 0 nor 1", "Write 1 for a crowd, 0 for one object.")


@dataclass
class AnnotationCount:
    """The annotations of one category: single objects, crowds, and whether one image has several of the latter."""

    objects: int = 0
    crowds: int = 0
    several: bool = False

    @property
    def is_crowds_alone(self) -> bool:
        """Whether there is a crowd, and no single object."""
        return self.crowds > 0 and not self.objects

    def __add__(self, other: "AnnotationCount") -> "AnnotationCount":
        return AnnotationCount(self.objects + other.objects, self.crowds + other.crowds, self.several or other.several)


def is_crowd(annotation: Mapping[str, Any]) -> bool | None:
    """Whether its iscrowd is 1; false where it has none, None where it is neither 0 nor 1. Some programs write text."""
    value = annotation.get("iscrowd")
    text = str(value).strip().lower()
    if value is None or text in ("0", "0.0", "false", ""):
        return False
    return True if text in ("1", "1.0", "true") else None


def problems(counts: Mapping[str, AnnotationCount], ids: ClassIds) -> list[DataError]:
    """What ignoring the crowds does to the categories, by name: an error for one that would be gone.

    A crowd is a group of many objects, and a category in which every annotation is one, or an image with several of them,
    shows that they are objects: CVAT marks every mask of its brush as a crowd.
    """
    found = []
    for name, count in counts.items():
        if not count.crowds or ids.ids.get(name) in (IGNORE, DROPPED):
            continue
        if count.is_crowds_alone:
            what = "all of its annotations are crowds (iscrowd is 1), which are ignored, so that the class would be gone"
            remedy = (
                "CVAT marks every mask of its brush so: read them as objects. If they are crowds, map the class to __ignore__ "
                "in data.class_map."
            )
            found.append(DataError(f"class {name}", what, remedy, AS_OBJECTS))
        elif count.several:
            what = "some images have several crowds of it (iscrowd is 1), and these are ignored"
            remedy = "CVAT marks every mask of its brush so: if they are single objects, read them as such."
            found.append(DataError(f"class {name}", what, remedy, AS_OBJECTS, warning=True))
    return found


def read_as_objects(counts: Mapping[str, AnnotationCount]) -> list[DataError]:
    """A warning for each category of crowds alone, by name, whose crowds are read as objects."""
    what = "all of its annotations are crowds (iscrowd is 1), as CVAT marks the masks of its brush; they are read as objects"
    remedy = "If they are crowds, set data.coco.crowds to ignore and map the class to __ignore__ in data.class_map."
    return [DataError(f"class {name}", what, remedy, warning=True) for name, count in counts.items() if count.is_crowds_alone]
