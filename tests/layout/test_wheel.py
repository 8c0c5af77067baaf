"""The wheel: what is in it, and that a project begun with it in an empty environment runs. The second takes minutes."""

import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

import pytest

from tests.pipeline.conftest import TINY, ran, set_params
from tests.structure.imports import ROOT

CHECKERS = ("twine==7.0.0", "check-wheel-contents==0.6.3")
# 5 of the 6.7 GB that segpipe's packages take: linked from this environment, since a disk may not have them twice.
LARGE = ("torch", "triton", "nvidia-")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(ROOT, sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (made,) = folder.iterdir()
    return made


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """A command in an environment that nobody activated, and that knows nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "DVC_ROOT")}
    kept["PATH"] = os.pathsep.join(
        place for place in kept["PATH"].split(os.pathsep) if Path(place) != Path(sys.executable).parent
    )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=kept)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def link_large(packages: Path) -> None:
    """Into empty site-packages, what this environment has of the `LARGE` packages; pip takes them as installed."""
    for each in distributions():
        for file in (each.files or []) if each.name.lower().startswith(LARGE) else []:
            source, link = Path(str(file.locate())), packages / str(file)
            # Programs lie outside, and name this environment's Python.
            if ".." not in file.parts and source.is_file():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source)


def test_it_holds_segpipe_and_what_a_project_begins_with_and_no_test_and_no_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
        size = sum(each.file_size for each in archive.infolist())
    assert {name.parts[0] for name in names} == {"segpipe", "segpipe_own_path.pth", f"segpipe-{PROJECT['version']}.dist-info"}
    tracked = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", "segpipe", "stages", "studies").stdout.splitlines()
    begun = {f"segpipe/layout/project/{name}" for name in tracked if not name.startswith("segpipe/")}
    code = {name for name in tracked if name.startswith("segpipe/")} - {"segpipe/own_path.pth"}
    others = {
        "dvc.yaml",
        "params.yaml",
        "run",
        "runtime.lock",
        ".gitignore",
        ".gitattributes",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
    }
    pages = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", "docs", "README.md").stdout.splitlines()
    shown = {f"segpipe/layout/{name}" for name in pages}
    expected = code | begun | shown | {f"segpipe/layout/project/{name}" for name in others}
    assert {str(name) for name in names if name.parts[0] == "segpipe"} == expected
    assert size < 10 * 2**20


@pytest.mark.slow
def test_it_is_what_an_index_takes(wheel: Path, tmp_path: Path) -> None:
    run(tmp_path, sys.executable, "-m", "venv", "checkers")
    programs = tmp_path / "checkers/bin"
    run(tmp_path, str(programs / "pip"), "install", "--quiet", *CHECKERS)
    assert "PASSED" in run(tmp_path, str(programs / "twine"), "check", "--strict", str(wheel)).stdout
    assert "OK" in run(tmp_path, str(programs / "check-wheel-contents"), str(wheel)).stdout


@pytest.mark.slow
def test_a_project_runs_in_an_empty_environment_and_again_runs_nothing(wheel: Path, tmp_path: Path) -> None:
    run(tmp_path, sys.executable, "-m", "venv", "environment")
    programs = tmp_path / "environment/bin"
    (packages,) = (tmp_path / "environment").glob("lib/*/site-packages")
    link_large(packages)
    run(tmp_path, str(programs / "pip"), "install", "--quiet", str(wheel))
    assert (packages / "torch/__init__.py").is_symlink(), "pip installed torch again"
    assert "site-packages/segpipe/layout/docs" in run(tmp_path, str(programs / "segpipe"), "docs").stdout
    begun = run(tmp_path, str(programs / "segpipe"), "new", "project")
    assert begun.stdout.splitlines()[-1] == "next:   cd project && dvc repro"
    project = tmp_path / "project"
    set_params(project, TINY)
    first = ran(run(project, str(programs / "dvc"), "repro"))
    assert first[0] == "code" and first[-1] == "report"
    assert (project / "reports/index.html").is_file()
    assert ran(run(project, str(programs / "dvc"), "repro")) == ["code"]
    # An edit of the project's own stages is seen, and so would be another segpipe.
    stage = project / "stages/report.py"
    stage.write_text(
        stage.read_text(encoding="utf-8").replace("def main() -> None:", "def main() -> None:\n    print()"), "utf-8"
    )
    assert ran(run(project, str(programs / "dvc"), "repro")) == ["code", "report"]
    installed = packages / "segpipe/losses/iou.py"
    installed.write_text(f"{installed.read_text(encoding='utf-8')}\nANOTHER = 1\n", encoding="utf-8")
    before = (project / "code.json").read_bytes()
    assert ran(run(project, str(programs / "dvc"), "repro"))[0] == "code"
    assert (project / "code.json").read_bytes() != before
    run(project, str(programs / "python"), "-m", "pip", "check")
