"""What the Makefile does for those who never activate the environment."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.structure.imports import ROOT


def test_a_queue_is_started_with_its_own_dvc_on_the_path(tmp_path: Path) -> None:
    """DVC's worker runs `dvc` by its name, and says nothing where there is none."""
    folder = tmp_path / "a project"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    fake = folder / ".venv/bin/dvc"
    fake.write_text('#!/bin/sh\necho "$@"\ncommand -v dvc\n')
    fake.chmod(0o755)
    (folder / ".venv/.ready").touch()
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    ran = subprocess.run(["make", "queue"], cwd=folder, capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.splitlines()[-2:] == ["queue start", str(fake)]
