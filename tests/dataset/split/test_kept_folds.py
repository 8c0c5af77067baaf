"""The memory: what is written comes back, other settings forget as much as they must, and damage is told."""

from pathlib import Path

import pytest

from segpipe.dataset.split.kept_folds import KeptFolds, hash_of, read, write
from segpipe.errors import PipelineError

KEYS = ("seed 1", "5 folds")
KEPT = KeptFolds(*KEYS, {hash_of("a"): "test", hash_of("b"): "3", hash_of("c"): "train"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "kept_folds.csv", KEPT)
    return tmp_path / "kept_folds.csv"


def test_a_hash_is_of_the_id_alone() -> None:
    assert hash_of("a") == "ca978112ca1bbdca"


def test_what_is_written_comes_back(path: Path) -> None:
    assert read(path, KEYS, ["a"]) == KEPT


def test_it_holds_sorted_lines_and_no_names(path: Path) -> None:
    content = path.read_bytes()
    lines = content.decode().splitlines()
    assert lines[:2] == ["# seed 1", "# 5 folds"] and lines[2:] == sorted(lines[2:])
    assert content == ("\n".join(lines) + "\n").encode() and f"{hash_of('a')},test" in lines


def test_other_folds_forget_the_folds_and_keep_the_test_part(path: Path) -> None:
    kept = read(path, ("seed 1", "3 folds"), ["a"])
    assert kept == KeptFolds("seed 1", "3 folds", {hash_of("a"): "test", hash_of("b"): "rest", hash_of("c"): "rest"})


def test_another_seed_and_another_data_set_forget_all(path: Path) -> None:
    assert read(path, ("seed 2", "5 folds"), ["a"]).parts == {}
    assert read(path, KEYS, ["x", "y"]).parts == {}


def test_no_file_and_an_empty_one_know_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "none.csv", KEYS, ["a"]).parts == {}
    (tmp_path / "empty.csv").touch()
    assert read(tmp_path / "empty.csv", KEYS, ["a"]).parts == {}


def test_windows_line_ends_change_nothing(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read(path, KEYS, ["a"]) == KEPT


@pytest.mark.parametrize(
    "content",
    [
        b"# seed 1\n# 5 folds\nca978112ca1bbdca,test\n<<<<<<< HEAD\n",
        b"# seed 1\n# 5 folds\nca978112ca1bbdca,test\nca978112ca1bbdca,0\n",
        b"# seed 1\n# 5 folds\nca978112ca1bbdca,\n",
        b"# seed 1\nca978112ca1bbdca,0\n",
        b"\xff\xfe\x00",
        b"\n",
    ],
)
def test_damage_is_told_and_not_taken_for_a_new_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept_folds.csv").write_bytes(content)
    with pytest.raises(PipelineError, match="git checkout"):
        read(tmp_path / "kept_folds.csv", KEYS, ["a"])
