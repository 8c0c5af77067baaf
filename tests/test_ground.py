"""The small rooms of the ground floor: files, places, zips, seeds, colours, sizes, versions, fingerprints."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.console.progress import track
from segpipe.errors import PipelineError
from segpipe.images import palette, resize
from segpipe.reproducibility import fingerprint, versions
from segpipe.reproducibility.seeds import seed_of
from segpipe.storage import files, workspace, zips
from segpipe.storage.byte_source import FileRange
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


def test_a_place_is_a_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    assert FileRange(tmp_path / "a").read() == b"0123456789"
    assert FileRange(tmp_path / "a", 3, 4).read() == b"3456"


@given(st.dictionaries(st.text("abcé/", min_size=1, max_size=8), st.binary(max_size=50), max_size=6))
def test_zip_places_hold_what_was_written(tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes]) -> None:
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    zips.write_zip(path, members.items())
    assert {name: place.read() for name, place in zips.entries(path).items()} == members
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_zips_of_the_same_members_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        zips.write_zip(tmp_path / name, [("x/y.png", b"123")])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_seeds_differ_by_every_part_and_not_by_process() -> None:
    assert len({seed_of(1, 2, "a"), seed_of(1, 2, "b"), seed_of(12, "a"), seed_of(1, "2a"), seed_of(1, 2)}) == 5
    code = "from segpipe.reproducibility.seeds import seed_of; print(seed_of(42, 0, 'x'))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(other.stdout) == seed_of(42, 0, "x") == 7889027255079810686


def test_the_palette_is_pascal_vocs() -> None:
    assert palette.colours(5) == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
    assert palette.flat_palette()[-3:] == [224, 224, 192]


@pytest.mark.parametrize(
    ("size", "long_side", "wanted"),
    [((100, 200), 0, (100, 200)), ((100, 200), 50, (25, 50)), ((100, 200), 300, (100, 200)), ((1, 999), 100, (1, 100))],
)
def test_only_large_images_are_shrunk(size: tuple[int, int], long_side: int, wanted: tuple[int, int]) -> None:
    assert resize.shrunk_size(*size, long_side) == wanted
    assert resize.shrink_image(np.zeros((*size, 1), np.uint8), long_side).shape == (*wanted, 1)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_shrinking_keeps_the_channels_and_the_mean(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 65536, (40, 80, channels)).astype(np.uint16)
    small = resize.shrink_image(image, 20)
    assert small.shape == (10, 20, channels)
    assert small.dtype == np.uint16
    assert abs(small.mean() - image.mean()) < 1


def test_shrinking_a_mask_invents_no_class() -> None:
    mask = np.random.default_rng(0).choice([0, 7, 255], (50, 70)).astype(np.uint8)
    assert set(np.unique(resize.shrink_mask(mask, 20))) <= {0, 7, 255}


def test_a_fingerprint_knows_no_order() -> None:
    assert fingerprint.fingerprint({"a": 1, "b": 2}) == fingerprint.fingerprint({"b": 2, "a": 1})
    assert fingerprint.fingerprint({"a": 1}) != fingerprint.fingerprint({"a": 2})


def test_runtime_lock_is_a_part_of_requirements_lock() -> None:
    every = set((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    assert set((ROOT / "runtime.lock").read_text(encoding="utf-8").splitlines()) <= every


def test_other_versions_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "runtime.lock"
    lock.write_text("numpy==0.1\nno-such-package==1.0 ; python_version < '3.99'\n", encoding="utf-8")
    assert versions.check(lock)["numpy"] == np.__version__
    warning = capsys.readouterr().err
    assert f"numpy {np.__version__} (wanted 0.1)" in warning
    assert "no-such-package is missing (wanted 1.0)" in warning


def test_the_installed_versions_are_the_locked_ones(capsys: pytest.CaptureFixture[str]) -> None:
    versions.check(ROOT / "runtime.lock")
    assert capsys.readouterr().err == ""


def test_the_main_root_is_dvcs_or_the_nearest_with_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert workspace.main_root() == tmp_path
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert workspace.main_root() == Path("/elsewhere")


def test_progress_yields_all_and_tells_the_time_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("segpipe.console.progress.QUIET_SECONDS", -1.0)
    assert list(track(iter([1, 2, 3]), "counting", 3)) == [1, 2, 3]
    assert "counting: 2 of 3, about 0 s left" in capsys.readouterr().err
