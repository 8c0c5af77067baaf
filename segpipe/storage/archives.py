"""Archives unpacked so that nothing can land outside the folder: plain files and folders, or nothing at all."""

import contextlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Literal

from segpipe.errors import PipelineError

MAX_BYTES = 2**36  # 64 GiB
MAX_FILES = 1_000_000
MAX_TAR_HEADER = 2**20  # bytes of a long name or of extended attributes, which tarfile holds in memory
LONG_HEADERS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an empty zip
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # NotImplementedError and RecursionError, too
    ValueError,
    LookupError,  # of a member without a name
    OverflowError,
)


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
    """Unpacks a zip, or a tar plain or compressed by gzip, bzip2 or xz, into the new `folder`, whole or not at all.

    Which of them it is, its content says, not its name. `max_bytes` (unpacked) and `max_files` (folders count, too)
    bound what an archive may grow into.

    Raises PipelineError, which names the member, for anything that is not a plain file or folder inside the archive
    (links, devices, absolute names, `..`), for encrypted, damaged, oversized or unknown archives, for a full disk, and
    where `folder` already holds something. Nothing is left behind then.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        with _explained(archive):
            if folder.exists() and any(folder.iterdir()):
                raise PipelineError(f"{folder}: holds something already. Empty it first, or unpack elsewhere.")
            shutil.rmtree(temporary, ignore_errors=True)  # of a killed process that had the same number
            temporary.mkdir(parents=True)
            (_unzip if _is_zip(archive) else _untar)(archive, temporary, max_bytes, max_files)
            os.replace(temporary, folder)  # an empty folder is replaced, too
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def tar_members(archive: Path) -> Iterator[tarfile.TarInfo]:
    """The files and folders of an uncompressed tar, for reading from it where they lie. Raises PipelineError as `unpack`."""
    with _explained(archive), _open_tar(archive, "r:") as opened:
        yield from _checked(archive, opened, MAX_BYTES, MAX_FILES)


def _is_zip(archive: Path) -> bool:
    with archive.open("rb") as stream:
        return stream.read(4) in ZIP_STARTS


def _unzip(archive: Path, folder: Path, max_bytes: int, max_files: int) -> None:
    """Checks every header before the first byte is unpacked; zipfile never unpacks more than a header says."""
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:
            _check_name(archive, member.filename)
            _check_zip_kind(archive, member)
        _check_size(archive, sum(member.file_size for member in members), max_bytes, len(members), max_files)
        for member in members:
            with _explained(archive, member.filename):
                opened.extract(member, folder)


def _check_zip_kind(archive: Path, member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the archive was not made on Unix
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _not_plain(archive, member.filename)
    if member.flag_bits & 0x1:
        raise PipelineError(f"{archive}: {member.filename} is encrypted. Pack the archive again without a password.")


def _untar(archive: Path, folder: Path, max_bytes: int, max_files: int) -> None:
    """Counts while it unpacks: a compressed tar's headers cannot be read without unpacking it.

    `filter="data"` alone would let inner links through, and some releases of Python 3.11 to 3.13 can be tricked by them.
    """
    with _open_tar(archive, "r") as opened:
        for member in _checked(archive, opened, max_bytes, max_files):
            with _explained(archive, member.name):
                opened.extract(member, folder, filter="data")


def _checked(archive: Path, opened: tarfile.TarFile, max_bytes: int, max_files: int) -> Iterator[tarfile.TarInfo]:
    """Member after member, each once it is known to be harmless."""
    size = 0
    for count, member in enumerate(opened, start=1):
        _check_name(archive, member.name)
        if not (member.isreg() or member.isdir()):
            raise _not_plain(archive, member.name)
        with _explained(archive, member.name):
            if member.size < 0:  # extended attributes can claim that, and tarfile would run in circles
                raise tarfile.ReadError(f"a size of {member.size} bytes")
            if member.issparse():  # it may have any size without a byte in the archive
                raise tarfile.ReadError("a sparse file, whose holes are not stored")
        size += member.size
        _check_size(archive, size, max_bytes, count, max_files)
        yield member


def _open_tar(archive: Path, mode: Literal["r", "r:"]) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, mode, tarinfo=StrictHeader)
    except tarfile.ReadError as error:
        expected = "an uncompressed tar" if mode == "r:" else "a zip, or a tar, plain or compressed by gzip, bzip2 or xz"
        raise PipelineError(f"{archive}: no archive that can be unpacked, or a damaged one. Expected {expected}.") from error


class StrictHeader(tarfile.TarInfo):
    """A tar header that is bounded, and whose damage is an error: tarfile takes it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "StrictHeader":
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the mark of a proper end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.size < 0:
            raise tarfile.ReadError(f"a size of {header.size} bytes")
        if header.type in LONG_HEADERS and header.size > MAX_TAR_HEADER:
            raise tarfile.ReadError(f"a header of {header.size} bytes, more than the {MAX_TAR_HEADER} allowed")
        return header


def _check_name(archive: Path, name: str) -> None:
    """Refuses names that lead elsewhere, on Unix or on Windows."""
    path = PureWindowsPath(name)  # takes / and \ for separators, and knows drives
    if path.anchor or ".." in path.parts:
        raise PipelineError(
            f"{archive}: {name!r} would land outside the folder. Pack the archive again with relative names and without '..'."
        )


def _check_size(archive: Path, size: int, max_bytes: int, count: int, max_files: int) -> None:
    if size > max_bytes or count > max_files:
        raise PipelineError(
            f"{archive}: unpacks into more than {max_bytes} bytes or {max_files} files. "
            "If that is meant, unpack it by hand and point to the folder."
        )


def _not_plain(archive: Path, name: str) -> PipelineError:
    return PipelineError(f"{archive}: {name!r} is a link or a device. Pack the archive again with plain files and folders only.")


@contextlib.contextmanager
def _explained(archive: Path, name: str = "") -> Iterator[None]:
    """Turns what the archive modules and the system raise into a PipelineError that names the member."""
    where = f"{archive}: {name!r}" if name else f"{archive}"
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)  # gzip and bzip2 report damage as an OSError without a number
        raise PipelineError(f"{where}: could not be unpacked ({reason}). Free space or get the archive again.") from error
    except DAMAGE as error:
        raise PipelineError(
            f"{where}: could not be read ({error}). It is damaged, cut short, or compressed in a way Python does not know: "
            "get the archive again, or pack it in a common way."
        ) from error
