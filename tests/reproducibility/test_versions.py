"""The installed libraries against the lock."""

from pathlib import Path

import numpy as np
import pytest

from segpipe.reproducibility import versions
from tests.structure.imports import ROOT


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-federated.lock"])
def test_runtime_lock_is_a_part_of(lock: str) -> None:
    """What decides bytes is the same with Flower and without."""
    locked = set((ROOT / lock).read_text(encoding="utf-8").splitlines())
    assert set((ROOT / "runtime.lock").read_text(encoding="utf-8").splitlines()) <= locked


def test_the_lock_with_flower_holds_all_that_the_other_does() -> None:
    """So that it runs all of segpipe, and its tests."""
    ours, theirs = (
        {line.split("==")[0] for line in (ROOT / name).read_text(encoding="utf-8").splitlines()}
        for name in ("requirements.lock", "requirements-federated.lock")
    )
    assert ours < theirs and "flwr" in theirs - ours


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
