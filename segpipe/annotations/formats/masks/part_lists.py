"""The split that a folder brings: lists train.txt, val.txt and test.txt, a line an image, and trainval.txt for no part."""

import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.masks import folder_names
from segpipe.annotations.items import PARTS, id_of
from segpipe.errors import DataError
from segpipe.images.decode import SUFFIXES

FOLDERS = ("", "splits", "ImageSets/Segmentation")
REST = "trainval"
"""The list of images that the pipeline deals out itself, where no other list names them."""


def read(root: Path, image_dir: str, ids: Collection[str] = ()) -> tuple[dict[str, str], list[DataError]]:
    """Which part each listed id belongs to, empty for one that only trainval.txt names; and the ids in the lists of two parts.

    A line names an image with or without suffix, with or without `image_dir`, and after a space perhaps its mask. A path of
    another machine, which begins with / or a drive, counts from where it meets one of the `ids`.
    """
    given: dict[str, str] = {}
    rest: list[str] = []
    problems = []
    for folder in FOLDERS:
        for path in sorted(path for path in (root / folder).glob("*.txt") if path.is_file()):
            part = PARTS.get(path.stem.lower())
            is_rest = path.stem.lower() == REST
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if part or is_rest else []
            listed = [_without_foreign_prefix(_listed_id(line, image_dir), ids) for line in lines if line.strip()]
            rest += listed if is_rest else []
            for item_id in listed if part else ():
                if given.setdefault(item_id, str(part)) != part:
                    what = f"in the lists of {given[item_id]} and {part}"
                    problems.append(DataError(item_id, what, "Take it off one of them: no image may be in two parts."))
    return (dict.fromkeys(rest, "") | given if given else {}), problems


def unmatched(lists: dict[str, str], ids: Collection[str], kept: Collection[str]) -> list[DataError]:
    """Listed images that are not among the `ids` and, where there are lists, those of the `kept` that none of them names."""
    absent = sorted(lists.keys() - ids)
    unlisted = sorted(set(kept) - lists.keys()) if lists else []
    return [
        *(DataError(item_id, "named in a list but not in the folder", "Add it, or take it off the list.") for item_id in absent),
        *(
            DataError(item_id, "in the folder but in none of its lists", "Add it to train.txt, val.txt or test.txt.")
            for item_id in unlisted
        ),
    ]


def _listed_id(line: str, image_dir: str) -> str:
    words = line.split()
    both = len(words) == 2 and all(PurePosixPath(word).suffix.lower() in SUFFIXES for word in words)
    path = PurePosixPath((words[0] if both else line.strip()).replace("\\", "/"))
    path = PurePosixPath(*(folder_names.strip_folder(path.parts, image_dir) or path.parts))
    return id_of(path) if path.suffix.lower() in SUFFIXES else path.as_posix()


def _without_foreign_prefix(item_id: str, ids: Collection[str]) -> str:
    """The id itself, or of a path of another machine the longest end that is one of the ids."""
    parts = PurePosixPath(item_id).parts
    if not parts or not (parts[0] == "/" or re.fullmatch("[A-Za-z]:", parts[0])):
        return item_id
    ends = ("/".join(parts[at:]) for at in range(1, len(parts)))
    return next((end for end in ends if end in ids), item_id)
