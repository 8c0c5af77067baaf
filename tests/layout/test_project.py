"""The files of a new project, from a checkout and from where a wheel has them."""

import shutil
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from segpipe.layout import project
from segpipe.params.load import load_params
from tests.structure.imports import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    for name, content in project.files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def test_it_is_the_checkouts_pipeline_but_for_where_the_code_is(written: Path) -> None:
    ours, theirs = (yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8")) for folder in (ROOT, written))
    code = theirs["stages"].pop("code")
    assert code == {
        "cmd": "./run code",
        "deps": ["stages"],
        "always_changed": True,
        "outs": ours["stages"].pop("code")["outs"],
    }
    assert theirs == ours
    assert load_params(written / "params.yaml") == load_params(ROOT / "params.yaml")
    assert sorted(path.name for path in (written / "stages").glob("*.py")) == sorted(
        path.name for path in (ROOT / "stages").glob("*.py")
    )


def test_the_locks_say_what_is_installed(written: Path) -> None:
    required = (written / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert f"segpipe=={metadata.version('segpipe')}" in required
    runtime = (written / "runtime.lock").read_text(encoding="utf-8").splitlines()
    assert set(runtime) <= set(required)
    named = {line.split("==")[0] for line in (ROOT / "runtime.lock").read_text(encoding="utf-8").splitlines()}
    assert {line.split("==")[0] for line in runtime} == named
    assert not [line for line in required if "/" in line or "@" in line]


def test_a_wheel_has_what_is_laid_out_and_lays_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    included = SETTINGS["targets"]["wheel"]["force-include"]
    project_files = {source: place for source, place in included.items() if "layout/project" in place}
    assert project_files == {name: f"segpipe/layout/project/{name}" for name in project.SHIPPED_FILES}
    from_checkout = project.files()
    for name in project_files:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(project, "SHIPPED", tmp_path)
    monkeypatch.setattr(project, "PACKAGE", tmp_path / "nowhere")
    assert project.files() == from_checkout
