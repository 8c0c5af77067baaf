"""Where unfinished work is kept."""

from pathlib import Path

import pytest

from segpipe.storage import workspace


def test_the_main_root_is_dvcs_or_the_nearest_with_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert workspace.main_root() == tmp_path
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert workspace.main_root() == Path("/elsewhere")
