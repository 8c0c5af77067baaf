"""Zips that only store, with one fixed date: their bytes follow from their members, and parts of them can be read."""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

from segpipe.storage.byte_source import FileRange
from segpipe.storage.files import write_with

EPOCH = (1980, 1, 1, 0, 0, 0)
# A member's own header: 26 bytes, then the lengths of its name and extra field, which need not be the directory's.
LOCAL_HEADER = struct.Struct("<26xHH")


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Writes the members in their order."""

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members:
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3  # Unix, on Windows too
                archive.writestr(entry, content)

    write_with(path, write)


def entries(path: Path) -> dict[str, FileRange]:
    """Where each member's bytes lie, by the member's name.

    For `os.pread`: a ZipFile opened before a fork shares its position and misreads. Raises zipfile.BadZipFile, also for
    members that are compressed or that claim more bytes than the file has.
    """
    found = {}
    end = path.stat().st_size
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for entry in archive.infolist():
            stream.seek(max(entry.header_offset, 0))
            lengths = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size).ljust(LOCAL_HEADER.size, b"\0"))
            start = entry.header_offset + LOCAL_HEADER.size + sum(lengths)
            if entry.header_offset < 0 or start + entry.file_size > end or entry.compress_type != zipfile.ZIP_STORED:
                raise zipfile.BadZipFile(f"{path.name}: {entry.filename!r} is not stored as it says")
            found[entry.filename] = FileRange(path, start, entry.file_size)
    return found
