"""Where bytes come from: a file, a range of one (a member of a tar, an entry of a stored zip), or memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class ByteSource(Protocol):
    """Anything that gives the bytes of one file: a range of a file, an image inside a JSON, a page of a TIFF."""

    def read(self) -> bytes:
        """The bytes, the same each time, in whatever process."""

    def file_ranges(self) -> "tuple[FileRange, ...]":
        """The ranges of files that they come from; empty for bytes in memory."""


@dataclass(frozen=True)
class FileRange:
    """`size` bytes from `offset` of `file`; without a size, the whole file. Can be pickled and shared by processes."""

    file: Path
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """The bytes. Opens the file anew each time, so that processes never share a position."""
        if self.size is None:
            return self.file.read_bytes()
        with self.file.open("rb", buffering=0) as stream:
            stream.seek(self.offset)
            return stream.read(self.size)

    def file_ranges(self) -> "tuple[FileRange, ...]":
        """This range."""
        return (self,)


@dataclass(frozen=True)
class InMemory:
    """Bytes in memory."""

    content: bytes

    def read(self) -> bytes:
        """The bytes."""
        return self.content

    def file_ranges(self) -> tuple[FileRange, ...]:
        """Empty: the bytes are in memory."""
        return ()
