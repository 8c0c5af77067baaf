"""Bytes of a file, whole or in part."""

from pathlib import Path

from segpipe.storage.byte_source import FileRange


def test_a_range_is_a_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    assert FileRange(tmp_path / "a").read() == b"0123456789"
    assert FileRange(tmp_path / "a", 3, 4).read() == b"3456"
