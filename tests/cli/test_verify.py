"""segpipe verify --full proves nothing from what an earlier run has kept."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from segpipe.storage.workspace import AFRESH
from segpipe.workflows import verify


def test_the_whole_pipeline_examines_every_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(AFRESH)
    (tmp_path / "dvc.lock").write_text("stages: {}\n")
    ran: list[dict[str, Any]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(options["env"])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    verify._whole({"fold": 0})
    assert [each[AFRESH] for each in ran] == ["1"]
