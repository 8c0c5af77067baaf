"""Files are written whole or not at all, and leave nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.storage import files
from tests.structure.imports import ROOT


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    files.write_text(path, "one\n")
    files.write_text(path, "two\n")
    assert path.read_bytes() == b"two\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def full(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(PipelineError, match=r"a\.txt: could not be written \(No space left on device\)"):
        files.write_with(path, full)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(PipelineError, match=r"models/a\.txt: could not be written"):
        files.write_text(tmp_path / "models" / "a.txt", "new")


def test_a_write_removes_what_killed_processes_left_of_the_same_file_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / f".a.txt.{os.getppid()}.tmp", tmp_path / f".b.txt.{dead()}.tmp", tmp_path / ".a.txt.notes.tmp"]
    for path in [*kept, tmp_path / f".a.txt.{dead()}.tmp", tmp_path / f".a.txt.{dead()}.tmp"]:
        path.write_text("half")
    files.write_text(tmp_path / "a.txt", "whole")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.txt", *kept])


def test_a_write_that_was_killed_leaves_nothing_after_the_next_one(tmp_path: Path) -> None:
    code = "import os, sys, pathlib; from segpipe.storage import files; path = pathlib.Path(sys.argv[1])"
    die = "files.write_with(path, lambda temporary: (temporary.write_text('half'), os.kill(os.getpid(), 9)))"
    path = tmp_path / "a.txt"
    killed = subprocess.run([sys.executable, "-c", f"{code}; {die}", str(path)], check=False, cwd=ROOT)
    assert killed.returncode == -9
    assert [left.suffix for left in tmp_path.iterdir()] == [".tmp"]
    files.write_text(path, "whole")
    assert list(tmp_path.iterdir()) == [path]


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_json_is_sorted_and_refuses_nan(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": 1, "a": "ä"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "ä",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_where_windows_flushes_no_folder_and_no_file_that_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, opened = os.open, list[tuple[str, int]]()

    def as_windows(path: Path, flags: int, *mode: int) -> int:
        opened.append((Path(path).name, flags))
        if Path(path).is_dir() or not flags & os.O_RDWR:
            raise PermissionError(13, "as Windows says")
        return real(path, flags, *mode)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "open", as_windows)
    files._sync(tmp_path)
    (tmp_path / "a").write_bytes(b"1")
    files._sync(tmp_path / "a")
    assert opened == [("a", os.O_RDWR)]
