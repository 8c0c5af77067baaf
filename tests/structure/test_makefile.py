"""What set-up does for those who never activate the environment."""

import os
import subprocess
import sys
import sysconfig
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


def test_set_up_brings_it_and_nothing_else_that_lies_here_already() -> None:
    """An editable install of a wheel's copies would leave what `segpipe new` lays out as it was at the time."""
    place = Path(sysconfig.get_path("purelib"))
    assert (place / "segpipe_own_path.pth").read_bytes() == PATH_FILE.read_bytes()
    assert not (place / "segpipe").exists()


@pytest.mark.parametrize(("content", "stays"), [("", False), ("{}", True)])
def test_repro_removes_the_lock_file_of_dvc_that_a_kill_left_empty(content: str, stays: bool, tmp_path: Path) -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith("\t@if [ -f .dvc/tmp/rwlock")]
    path = tmp_path / ".dvc/tmp/rwlock"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    subprocess.run(["sh", "-c", line.removeprefix("\t@")], cwd=tmp_path, check=True)
    assert path.exists() == stays
