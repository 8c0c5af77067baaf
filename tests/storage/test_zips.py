"""Zips of the same members are the same bytes, and are read by offsets."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.storage import zips


@given(st.dictionaries(st.text("abcé/", min_size=1, max_size=8), st.binary(max_size=50), max_size=6))
def test_zip_entries_hold_what_was_written(tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    zips.write_zip(path, members.items())
    assert {name: place.read() for name, place in zips.entries(path).items()} == members
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_zips_of_the_same_members_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        zips.write_zip(tmp_path / name, [("x/y.png", b"123")])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
