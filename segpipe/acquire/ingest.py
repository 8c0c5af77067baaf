"""Imports a user's data: from a folder, an archive or a URL to data/source, where DVC tracks it."""

import contextlib
import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from segpipe.console.progress import track
from segpipe.errors import PipelineError, plain
from segpipe.images.unsupported import POINTER, is_pointer
from segpipe.storage import listing
from segpipe.storage.archives import tar_members, unpack
from segpipe.storage.files import sha256_of
from segpipe.storage.lock import exclusive
from segpipe.storage.workspace import main_root, partial_downloads

SOURCE = Path("data/source")
SHOWN = 3


@contextlib.contextmanager
def open_source(where: str, sha256: str | None) -> Iterator[Path]:
    """A folder on this disk, or a VOC tar as it came, for a folder, an archive or an address.

    What was downloaded or unpacked is deleted at the end, a download only when all went well. Raises PipelineError for
    what is not there, an address without a hash, another hash, and an archive that cannot be unpacked.
    """
    # One at a time, so that what a killed one left behind is not mistaken for what another is just making.
    with exclusive(_own_folder() / "init.lock", "segpipe init"), _open_source(where, sha256) as path:
        yield path


@contextlib.contextmanager
def _open_source(where: str, sha256: str | None) -> Iterator[Path]:
    if where.startswith(("http://", "https://")):
        if not sha256:
            raise PipelineError(f"{where}: an address needs --sha256 HEX, so that everyone gets the same bytes.")
        from segpipe.storage.download import fetch

        archive = partial_downloads() / (PurePosixPath(unquote(urlsplit(where).path)).name or "data")
        fetch((where,), sha256, archive, partial_downloads())
        with _unpacked(archive) as path:
            yield path
        archive.unlink(missing_ok=True)
        return
    path = Path(where).expanduser().resolve()
    if not path.exists():
        raise PipelineError(f"{where}: no such folder or file.")
    if path.is_file() and is_pointer(path):
        raise PipelineError(f"{where}: {POINTER.name}. {POINTER.remedy}")
    _check_hash(path, sha256)
    if path.is_dir():
        yield _unwrapped(path)
    else:
        with _unpacked(path) as folder:
            yield folder


def data_path(where: Path, named: str, in_place: bool) -> str:
    """What stands in data.path: data/source, or the absolute path of data that stays where it is.

    Raises PipelineError for a folder that data/source lies in, for archives that had to be unpacked, and for data that
    would stay in a folder which DVC empties. Touches nothing.
    """
    source = SOURCE.resolve()
    if where == source or not in_place:
        if source != where and source.is_relative_to(where):
            raise PipelineError(f"{named}: data/source lies inside it. Move the data into a folder of its own.")
        return SOURCE.as_posix()
    if where.is_relative_to(_own_folder()):
        raise PipelineError(f"{named}: an archive cannot stay where it is. Unpack it first, or leave out --in-place.")
    if where.is_relative_to(source.parent) or source.is_relative_to(where):
        raise PipelineError(f"{named}: stages empty and fill folders of data/. Move the data elsewhere, or leave out --in-place.")
    return where.as_posix()


def import_data(where: Path) -> None:
    """Copies a folder or a tar to data/source, whole or not at all, and puts it under DVC.

    Hidden files stay behind. Where data/source holds some of it already, unchanged, the rest is added. Raises PipelineError
    where it holds something else, the disk is full, or a link leads out of the folder.
    """
    target = SOURCE.resolve()
    if target != where:
        listing.refuse_links_out(where)
        members = _members(where)
        if not target.exists():
            _copy(members, target)
        else:
            _copy(_new(members, target), target)
    _dvc_add()


def _own_folder() -> Path:
    """Where archives arrive and are unpacked: on the project's own disk, out of DVC's and Git's sight."""
    return main_root().resolve() / ".resume"


@contextlib.contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    """The archive's folder while the block runs; a plain tar of VOC stays packed, since convert reads from it."""
    if _is_voc_tar(archive):
        yield archive
        return
    scratch = _own_folder() / "init"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        folder = scratch / archive.name.split(".")[0]
        scratch.mkdir(parents=True)
        unpack(archive, folder)
        yield _unwrapped(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_voc_tar(path: Path) -> bool:
    """Whether convert reads it as it is. One with masks in the colours of a labelmap.txt, as CVAT packs it, is unpacked."""
    try:
        names = [member.name for member in tar_members(path)]
    except PipelineError:  # of another kind, or refused: unpacking it says so
        return False
    is_voc = any("ImageSets/Segmentation/" in name for name in names)
    return is_voc and not any(PurePosixPath(name).name == "labelmap.txt" for name in names)


def _unwrapped(folder: Path) -> Path:
    """The folder, or the one that is all it holds, as in most archives; a single `train` is no wrapping."""
    # What macOS adds to its zips.
    entries = [path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "__MACOSX"]
    one = entries[0] if len(entries) == 1 else folder
    is_wrapping = one != folder and one.is_dir() and not one.is_symlink() and one.name.lower() not in ("train", "val", "test")
    return _unwrapped(entries[0]) if is_wrapping else folder


def _check_hash(path: Path, sha256: str | None) -> None:
    if sha256 and path.is_dir():
        raise PipelineError(f"{path}: --sha256 is for an archive or an address; this is a folder.")
    if sha256 and sha256_of(path) != sha256.lower():
        raise PipelineError(f"{path}: its SHA-256 is {sha256_of(path)}, not the one of --sha256. Get the file again.")


def _members(where: Path) -> dict[str, Path]:
    """Every file to copy, by its path below data/source. A tar keeps its name and ends in .tar."""
    if where.is_file():
        return {where.with_suffix(".tar").name: where}
    return {path.relative_to(where).as_posix(): path for path in listing.files(where)}


def _new(members: dict[str, Path], target: Path) -> dict[str, Path]:
    """What is to be added. Raises PipelineError where a file of the target is missing or another: it may have been corrected."""
    others = _members(target)
    there = {name: path for name, path in others.items() if name in members}
    gone = sorted(others.keys() - members.keys())
    other = [name for name, path in track(there.items(), "comparing") if not filecmp.cmp(path, members[name], shallow=False)]
    if gone or other:
        found = [
            f"{len(names)} {what} ({_listed(names)})" for names, what in ((other, "differ"), (gone, "it alone has")) if names
        ]
        raise PipelineError(
            f"data/source holds other data already: of its files {', '.join(found)}. If this is the same data with changes, make "
            "them in data/source itself and run `segpipe init data/source`; else move it away (mv data/source ELSEWHERE)."
        )
    return {name: path for name, path in members.items() if name not in there}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")


def _copy(members: dict[str, Path], target: Path) -> None:
    """Copies into a folder beside the target, then moves it there: half a copy never looks like data."""
    temporary = target.with_name(f".{target.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        for name, path in track(members.items(), "copying"):
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, temporary / name)
        if target.exists():
            for name in members:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(temporary / name, target / name)
        else:
            os.replace(temporary, target)
    except OSError as error:
        raise PipelineError(
            f"{error.filename or target}: could not be copied ({error.strerror}). Free space or mend the rights."
        ) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _dvc_add() -> None:
    """Lets DVC track data/source. Raises PipelineError with DVC's own words."""
    print("dvc add data/source", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "dvc", "add", "--quiet", SOURCE.as_posix()]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        output = " ".join((result.stderr or result.stdout).split())
        raise PipelineError(f"data/source is there, but `dvc add data/source` failed: {output}")
