"""What is kept comes back whole or not at all: damaged, foreign, old and surplus entries are as if they were not there."""

import sqlite3
import time
from pathlib import Path

import pytest

from segpipe.storage import examination_cache as module
from segpipe.storage.examination_cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    own = Cache(tmp_path / "deep" / "x.sqlite")
    own.keep([("a", b"one"), ("b", b"two")], ())
    return own


def change(cache: Cache, statement: str) -> None:
    assert cache.path
    with sqlite3.connect(cache.path) as connection:
        connection.execute(statement)
    connection.close()


def test_what_was_kept_is_there_for_a_cache_of_the_same_file(cache: Cache) -> None:
    assert [Cache(cache.path).get(key) for key in ("a", "b", "c")] == [b"one", b"two", None]
    cache.keep([("a", b"new")], ())
    assert cache.get("a") == b"new"


def test_without_a_file_nothing_is_kept() -> None:
    nothing = Cache(None)
    nothing.keep([("a", b"one")], ["a"])
    assert nothing.get("a") is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET content = x'00' WHERE key = 'a'",
        "UPDATE entries SET content = 'text' WHERE key = 'a'",
        "UPDATE entries SET content = NULL WHERE key = 'a'",
        "UPDATE entries SET checksum = (SELECT checksum FROM entries WHERE key = 'b') WHERE key = 'a'",
        "UPDATE entries SET content = (SELECT content FROM entries WHERE key = 'b'), "
        "checksum = (SELECT checksum FROM entries WHERE key = 'b') WHERE key = 'a'",  # whole, of another key
    ],
)
def test_a_changed_entry_is_none(cache: Cache, statement: str) -> None:
    change(cache, statement)
    assert (cache.get("a"), cache.get("b")) == (None, b"two")


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_foreign_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    cache = Cache(path)
    assert cache.get("a") is None
    cache.keep([("a", b"one")], ())
    assert cache.get("a") == b"one"


def test_a_database_with_another_table_is_replaced(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "x.sqlite")
    change(cache, "CREATE TABLE entries (name TEXT)")
    assert cache.get("a") is None
    cache.keep([("a", b"one")], ())
    assert cache.get("a") == b"one"


def test_a_file_cut_off_anywhere_gives_no_wrong_content(cache: Cache) -> None:
    assert cache.path
    whole = cache.path.read_bytes()
    for size in range(0, len(whole), 512):
        path = cache.path.with_name(f"{size}.sqlite")
        path.write_bytes(whole[:size])
        assert Cache(path).get("a") in (None, b"one")


def test_a_folder_in_its_place_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.sqlite").mkdir()
    cache = Cache(tmp_path / "x.sqlite")
    assert cache.get("a") is None
    cache.keep([("a", b"one")], ())
    told = capsys.readouterr().err
    assert told.startswith(f"warning: {tmp_path}/x.sqlite cannot be written (")
    assert told.count("\n") == 1


def test_what_was_not_used_for_long_goes(cache: Cache) -> None:
    today = int(time.time() // 86400)
    change(cache, f"UPDATE entries SET day = {today - module.MOST_DAYS}")
    cache.keep([], ["a"])
    change(cache, "UPDATE entries SET day = day - 1")
    cache.keep([("c", b"three")], ())
    assert [cache.get(key) for key in "abc"] == [b"one", None, b"three"]


def test_the_oldest_go_where_it_is_too_large(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    change(cache, "UPDATE entries SET day = day - 2 WHERE key = 'b'")
    cache.keep([("c", b"three")], ())  # 3 + 5 bytes; b's 3 are too many
    assert [cache.get(key) for key in "abc"] == [b"one", None, b"three"]
