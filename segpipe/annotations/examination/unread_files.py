"""Image files that nothing read and no finding names: reported here, folder by folder, so that none is lost silently."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from segpipe.annotations.items import ItemList, images_below
from segpipe.errors import DataError
from segpipe.images.decode import SUFFIXES
from segpipe.storage import listing
from segpipe.storage.byte_source import FileRange

EXAMPLES = 3
READ_SUFFIXES = (*SUFFIXES, ".json", ".txt", ".csv", ".yaml", ".yml", ".tar")
"""Suffixes of files that some format reads: a dangling link with one of them is an error, any other a warning."""
DOCTOR_FILES = ("contact_sheet.png", "statistics.png")
"""What segpipe itself leaves beside findings.json, in a folder that it unpacked."""
FILE_OF_FINDING = re.compile(r"(?:page \d+ of |mask of |line \d+ of )*(.*)", re.DOTALL)
"""What a finding may put before the name of a file."""


def image_files(root: Path, members: Mapping[str, FileRange]) -> dict[str, FileRange]:
    """Every image file by its path below `root`, and those of the archive that stands for a folder.

    Hidden ones are left out, and the doctor's own pictures.
    """
    paths = images_below(root) if root.is_dir() else ()
    own = {path.relative_to(root).as_posix(): FileRange(path) for path in paths if not _is_doctor_file(path)}
    names = (name for name in members if PurePosixPath(name).suffix.lower() in SUFFIXES)
    return own | {name: members[name] for name in names if not _is_hidden(name)}


def unread_images(files: Mapping[str, FileRange], found: ItemList, problems: Iterable[DataError]) -> list[DataError]:
    """A warning for each folder with image files that are neither read for an item of `found` nor named by a problem."""
    read = {
        _key(file_range)
        for item in found.items
        for part in (item.image, item.annotation)
        if part
        for file_range in part.file_ranges()
    }
    mentioned = found.mentioned | {match[1] for problem in problems if (match := FILE_OF_FINDING.fullmatch(problem.file))}
    unread: dict[str, list[str]] = defaultdict(list)
    for name, file_range in sorted(files.items()):
        if name not in mentioned and _key(file_range) not in read:
            unread[PurePosixPath(name).parent.as_posix()].append(PurePosixPath(name).name)
    remedy = "They are left out; see whether something is missing that should lead to them."
    return [
        DataError(_folder(*each), "read neither as an image nor as an annotation", remedy, warning=True)
        for each in unread.items()
    ]


def link_problems(root: Path) -> list[DataError]:
    """What a person should know of the links below `root` that lead to no file, and of folders that may not be opened.

    An error for what would be read, if it could be.
    """
    if not root.is_dir():
        return []
    found = listing.links(root)
    back = "Bring back what it leads to (`dvc checkout` where DVC made it), or remove it."
    moved = "Move the folder itself there, or remove the link."
    nothing, is_folder = "a link that leads to nothing", "a link to a folder, which is not followed"
    return [
        *(
            DataError(name, nothing, back, warning=PurePosixPath(name).suffix.lower() not in READ_SUFFIXES)
            for name in found.dangling
        ),
        *(DataError(name, is_folder, "Its files count where they lie.", warning=True) for name in found.folders),
        *(DataError(name, f"{is_folder}, and whose files are hidden", moved) for name in found.hidden_folders),
        *(DataError(name, "a folder that may not be opened", "Mend its rights.") for name in found.closed),
    ]


def _key(file_range: FileRange) -> tuple[str, int]:
    """The same for the same file, whatever links lead to it. DVC's cache has one file for all that are equal: they differ."""
    target = os.path.realpath(file_range.file)
    return str(file_range.file.absolute()) if listing.DVC_CACHE.search(target) else target, file_range.offset


def _folder(folder: str, names: list[str]) -> str:
    """A folder with the number of its files and some of their names."""
    shown = ", ".join(names[:EXAMPLES]) + (", ..." if len(names) > EXAMPLES else "")
    where = "the folder itself" if folder == "." else folder
    return f"{where} ({len(names)} image file{'s' if len(names) > 1 else ''}: {shown})"


def _is_doctor_file(path: Path) -> bool:
    return path.name in DOCTOR_FILES and (path.parent / "findings.json").is_file()


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name).parts if part != ".")
