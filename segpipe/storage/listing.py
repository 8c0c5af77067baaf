"""What lies below a folder: its visible files, and its links, each by where it leads. Links to folders are not followed."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segpipe.errors import PipelineError, plain

DVC_CACHE = re.compile(r"[/\\]files[/\\]md5[/\\][0-9a-f]{2}[/\\][0-9a-f]{30}\Z")
"""The end of a path in DVC's cache: DVC may keep every file of data/source behind a link to it."""
SHOWN = 10


@dataclass(frozen=True)
class Links:
    """Visible links below a folder by where they lead, and folders that may not be opened: sorted relative POSIX paths.

    `out` lead out of the folder, DVC's own links to files of its cache left out; `dangling` lead to nothing; `folders` to a
    folder inside, and `hidden_folders` to a hidden one there. Links to files inside are files.
    """

    out: tuple[str, ...]
    dangling: tuple[str, ...]
    folders: tuple[str, ...]
    hidden_folders: tuple[str, ...]
    closed: tuple[str, ...]


def files(root: Path) -> list[Path]:
    """All files below `root`, sorted; those that are hidden, or in hidden folders, are left out. Links to files are files."""
    return sorted(Path(each.path) for each in _entries(root, []) if _is_file(each))


def links(root: Path) -> Links:
    """The links below `root` by where they lead. Nothing is opened but folders."""
    closed: list[str] = []
    top = os.path.realpath(root)
    found: dict[str, list[str]] = {kind: [] for kind in ("out", "dangling", "folders", "hidden_folders", "file")}
    for each in _entries(root, closed):
        if each.is_symlink():
            found[_kind(os.path.realpath(each.path), top)].append(Path(each.path).relative_to(root).as_posix())
    own = {kind: tuple(sorted(names)) for kind, names in found.items() if kind != "file"}
    return Links(**own, closed=tuple(sorted(Path(path).relative_to(root).as_posix() for path in closed)))


def refuse_links_out(root: Path) -> None:
    """Raises PipelineError where links below the folder `root` lead out of it: nothing outside is read or copied."""
    found = links(root) if root.is_dir() else Links((), (), (), (), ())
    if found.out:
        what = "a link that leads" if len(found.out) == 1 else f"{len(found.out)} links that lead"
        first = f"Remove or mend what leads to nothing ({_some(found.dangling)}). " if found.dangling else ""
        command = f"cp -rL {shlex.quote(str(root))} {shlex.quote(str(_free(root)))}"
        raise PipelineError(
            f"{_some(found.out)}: {what} out of {root}, where nothing is read or copied. {first}"
            f"Copy the folder with the files behind its links, and use the copy: {command}"
        )


def _some(names: tuple[str, ...]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(map(plain, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _entries(root: Path, closed: list[str]) -> Iterator["os.DirEntry[str]"]:
    """Every visible file and link below `root`, in any order. Notes the folders that may not be opened in `closed`."""
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                visible = [each for each in entries if not each.name.startswith(".")]
        except PermissionError:
            closed.append(folder)
            continue
        except OSError:  # no folder, or gone meanwhile
            continue
        waiting += [each.path for each in visible if each.is_dir(follow_symlinks=False)]
        yield from (each for each in visible if not each.is_dir(follow_symlinks=False))


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle
        return False


def _kind(target: str, top: str) -> str:
    """Which of `Links` a resolved target belongs to, or `file` for one that is read as a file."""
    if not os.path.exists(target):  # noqa: PTH110 - a Path raises for links in a circle
        return "dangling"
    is_folder = Path(target).is_dir()
    if target != top and not target.startswith(top.rstrip(os.sep) + os.sep):
        return "file" if DVC_CACHE.search(target) and not is_folder else "out"
    hidden = any(part.startswith(".") for part in Path(target).relative_to(top).parts)
    return ("hidden_folders" if hidden else "folders") if is_folder else "file"


def _free(root: Path) -> Path:
    """A name beside the folder that nothing has yet."""
    number = 1
    while os.path.lexists(path := root.with_name(f"{root.name or 'data'}-copy{number if number > 1 else ''}")):
        number += 1
    return path
