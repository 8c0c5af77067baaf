"""What set-up does for those who never activate the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.imports import ROOT

PATH_FILE = ROOT / "segpipe/own_path.pth"
STARTED = "import os, site, sys; sys.prefix += sys.argv[2]; site.addpackage(sys.argv[1], 'own_path.pth', set()); "
STARTED += "print(os.environ['PATH'])"


@pytest.mark.parametrize(
    ("in_environment", "path", "added"),
    [("", os.defpath, False), ("elsewhere", os.defpath, True), ("elsewhere", f"{os.defpath}{os.pathsep}OWN", False)],
)
def test_what_the_environment_starts_finds_its_dvc(in_environment: str, path: str, added: bool) -> None:
    """DVC's worker runs `dvc` by its name, and says nothing where there is none."""
    own = str(Path(sys.executable).parent)
    path = path.replace("OWN", own)
    command = [sys.executable, "-S", "-c", STARTED, str(PATH_FILE.parent), in_environment]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": path})
    assert ran.stdout.strip() == (f"{own}{os.pathsep}{path}" if added else path)


def test_set_up_copies_it() -> None:
    assert "cp segpipe/own_path.pth" in (ROOT / "Makefile").read_text(encoding="utf-8")
