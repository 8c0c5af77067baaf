"""What the classes of masks are called where each mask is a file of one class: by the files' names, in the order of a list."""

from collections.abc import Sequence

from segpipe.annotations.class_names import Classes, NameList
from segpipe.annotations.formats.masks.mask_files import NO_CLASS_NAMES
from segpipe.errors import DataError
from segpipe.record import BACKGROUND, IGNORE, is_background


def classes_from_file_names(names: Sequence[str], listed: NameList | None, origin: str) -> Classes:
    """Background and the names of the files, or those of the list, which must hold them all; `origin` says where they stand."""
    own = [name for name in (listed.names if listed else names) if name not in NO_CLASS_NAMES and not is_background(name)]
    background = next(filter(is_background, listed.names if listed else ()), BACKGROUND)
    missing = [name for name in names if name not in own]
    problems = []
    if listed and missing:
        what = f"does not list {', '.join(missing)}, of which there are masks"
        problems.append(DataError(listed.file, what, "Add them, or rename the masks."))
    return Classes((background, *own, *missing), IGNORE, listed.file if listed else origin, tuple(problems), values="binary")
