"""The images that `segpipe predict` is asked for: what it is given, what it leaves out, and what it may not write."""

import glob
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from segpipe.annotations.checks import findings
from segpipe.annotations.examination.pages import split_pages
from segpipe.annotations.items import Item, ItemList, images_below
from segpipe.errors import DataError, PipelineError, plain
from segpipe.images import unsupported
from segpipe.images.decode import SUFFIXES
from segpipe.inference.written import TABLE, Written, conflicts, without_own
from segpipe.storage.byte_source import FileRange
from segpipe.workflows import predict_outputs as outputs

SHOWN = 5


@dataclass(frozen=True)
class Inputs:
    """The images, each page of a file of several, by the name of their results; and the files they are in."""

    items: list[Item]
    files: list[Path]


def find(inputs: Sequence[Path]) -> Inputs:
    """All images in what is named. Says what is left out of folders: pictures that predict wrote, and kinds that are not read.

    What is no file and holds `*`, `?` or `[` is a pattern of files, with `**` for folders of any depth. Raises PipelineError that
    names all that is not there, or where there is no image.
    """
    candidates = {path: _named(path) for path in inputs}
    missing = [_missing(path) for path, found in candidates.items() if not found and not path.is_dir()]
    if missing:
        raise PipelineError("\n".join(missing))
    everything = [file for path, found in candidates.items() for _, file in found if not path.is_file()]
    others = {*without_own(everything)}
    own = sum(file not in others for file in everything)
    _say_left_out(inputs, own)
    named = [(name, file) for path, found in candidates.items() for name, file in found if path.is_file() or file in others]
    if not named:
        only = " but those that predict wrote itself" if own else ""
        where = ", ".join(map(str, inputs))
        raise PipelineError(f"no images in {where}{only}. Name image files, or folders that hold some.")
    return Inputs([item for name, file in named for item in _pages(name, file)], [file for _, file in named])


def _named(path: Path) -> list[tuple[str, Path]]:
    """The images that a path names, each with the name of its results; below a folder or the fixed part of a pattern its path."""
    if path.is_file():
        return [(path.stem, path)]
    if path.exists():
        root, images = path, [*images_below(path)]
    elif glob.has_magic(str(path)):
        fixed = takewhile(lambda part: not glob.has_magic(part), path.parts)
        root, matches = Path(*fixed), sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - as a shell does
        images = [match for match in matches if match.suffix.lower() in SUFFIXES and match.is_file()]
    else:
        return []
    return [(image.relative_to(root).with_suffix("").as_posix(), image) for image in images]


def _missing(path: Path) -> str:
    if glob.has_magic(str(path)):
        return f"{path}: no image is called so."
    return f"{path}: no such file or folder."


def require_writable(inputs: Inputs, written: Written, kinds: Sequence[str]) -> None:
    """Raises PipelineError with all that speaks against writing the results of these images, before any is predicted."""
    names = [name for item in inputs.items for name in outputs.files(item, kinds).values()] + outputs.tables(kinds)
    folders = [kind for kind in kinds if kind in outputs.SUFFIXES]
    problems = [*_strange(inputs.items), *_same_names(inputs.items), *_inside(inputs.files, written.folder)]
    problems += conflicts(written, folders, names)
    if problems:
        raise PipelineError("\n".join([*problems, "Nothing was predicted."]))


def _pages(name: str, file: Path) -> Sequence[Item]:
    return split_pages(ItemList((Item(name, str(file), FileRange(file), None),), ())).items


def _say_left_out(inputs: Sequence[Path], own: int) -> None:
    """A line of predict's own pictures, and warnings of pictures of kinds that are not read."""
    if own:
        print(f"left out: {own} pictures that predict wrote itself, as {TABLE} beside them says", flush=True)
    unknown = [
        DataError(str(path / each.file), each.problem, f"It is left out. {each.remedy}", warning=True)
        for path in inputs
        for each in unsupported.files_below(path, sniff=True)
    ]
    print(findings.format_warnings(unknown), file=sys.stderr, end="")


def _strange(items: Sequence[Item]) -> list[str]:
    """Names that no table of files can hold."""
    remedy = "a name with control characters, or not in UTF-8. Rename the file."
    return [f"{plain(item.source)}: {remedy}" for item in items if plain(item.id) != item.id]


def _same_names(items: Sequence[Item]) -> list[str]:
    """Two results of one name would leave one of them."""
    seen: dict[str, str] = {}
    found = []
    for item in items:
        if item.id in seen:
            found.append(f"{seen[item.id]} and {item.source} would both be written as {item.id}.png. Predict them apart.")
        seen.setdefault(item.id, item.source)
    return found


def _inside(files: Sequence[Path], out: Path) -> list[str]:
    """Predictions among the images they are of would be taken for data, or for its truth, by whoever comes next."""
    folder = out.resolve()
    # Where a file itself lies counts, and not where a link to another one leads.
    inside = [file for file in files if out.is_dir() and (file.parent.resolve() / file.name).is_relative_to(folder)]
    if not inside:
        return []
    shown = ", ".join(map(str, inside[:SHOWN])) + (f" and {len(inside) - SHOWN} more" if len(inside) > SHOWN else "")
    return [f"--out: {out} is where the images themselves lie: {shown}. Name a folder that holds none of them."]
