"""The text of a bug report: what is in it, that nothing of the user's is, and that it comes of any folder."""

import itertools
import random
import shutil
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from segpipe import paths
from segpipe.layout.project import source
from segpipe.params.changed_values import changed_values
from segpipe.params.load import load_params, whole_params
from segpipe.storage.files import write_bytes, write_json, write_text
from segpipe.training import failed_step
from segpipe.training.failed_step import FailedStep
from segpipe.workflows import doctor_report
from tests import plain_params
from tests.cli.in_process import segpipe
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

LETTERS = string.ascii_letters + string.digits + "ÄßéΩ"


class Names:
    """Words that stand nowhere else, some with blanks and signs in them; `given` are all that were handed out."""

    def __init__(self, seed: int) -> None:
        self.draw, self.between, self.given = random.Random(seed), itertools.cycle(["", " ", "-", "_", "."]), list[str]()

    def __next__(self) -> str:
        halves = ["".join(self.draw.choices(LETTERS, k=6)) for _ in range(2)]
        self.given.append(next(self.between).join(halves))
        return self.given[-1]


def project(folder: Path, names: Names) -> Path:
    """A project in which everything that has a name of the user's has one of `names`."""
    one, two = next(names), next(names)
    classes = (next(names), next(names), next(names))
    ids = [f"{next(names)}/{next(names)}" for _ in range(3)]
    made(folder / "data", {item: (noise(number), noise(number)[:, :, 0] % 3) for number, item in enumerate(ids)}, classes)
    shutil.rmtree(folder / "data/files")
    problem = f"labels {classes[1]} and '{one}' of {ids[0]}.png ({two}), line 7 of {one}/{two}.json: not listed"
    finding = {"severity": "warning", "problem": problem, "remedy": f"Mend {one}.", "files": [f"{item}.png" for item in ids]}
    write_json(folder / "data/doctor/findings.json", [finding])
    for name in ("contact_sheet.png", "statistics.png"):
        write_bytes(folder / "data/doctor" / name, b"")
    params = yaml.safe_load(plain_params.TEXT)
    params["data"] |= {"source": "masks", "path": f"/{one}/{two}", "groups": f"{next(names)}.csv"}
    params["data"]["class_map"] = {next(names): classes[1]}
    params["data"]["masks"] |= {"classes": list(classes), "image_dir": next(names), "mask_dir": next(names)}
    params["data"]["masks"] |= {"template": f"{next(names)}/{{}}.png", "pairs": f"{next(names)}.csv"}
    params["split"] |= {"group": "name", "group_pattern": f"^({next(names)})_"}
    params["model"] |= {"weights": f"{next(names)}.pth"}
    params["tracking"]["experiment"] = next(names)
    write_text(folder / "params.yaml", yaml.safe_dump(params, allow_unicode=True))
    held = {next(names): {}, "code.json": {"stages.convert": "1" * 16}}
    stages = {next(names): {"cmd": next(names)}, "convert": {"outs": [{"path": next(names)}], "params": held}}
    write_text(folder / "dvc.lock", yaml.safe_dump({"stages": stages}, allow_unicode=True))
    write_json(folder / "code.json", {"stages": {"convert": "0" * 16}})
    failed = FailedStep(1, 3, 5, tuple(ids), "loss", f"the loss of {ids[0]} is nan", {"params": next(names)})
    failed_step.write(failed_step.folder_of(folder, 1, "f" * 64), failed, None)
    (folder / ".dvc").mkdir()
    return folder


@pytest.fixture(params=range(4))
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """The names in a project that is the current folder, whose path, user and host are of them, too."""
    names = Names(request.param)
    for variable in ("USER", "LOGNAME", "USERNAME", "HOSTNAME", "HOME", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(variable, f"/{next(names)}")
    monkeypatch.chdir(project(tmp_path / next(names), names))
    yield names


def test_no_name_of_the_users_is_in_it(named: Names) -> None:
    text = doctor_report.text()
    halves = [part for name in named.given for part in (name[:6], name[-6:])]
    assert len(halves) > 60 and [name for name in halves if name in text] == []
    assert str(Path.cwd()) not in text and str(Path.home()) not in text
    # And yet all of it was looked at.
    assert "cannot" not in text
    for line in (
        "- images: 3\n- width: 32 .. 32 pixels\n- height: 24 .. 24 pixels\n- channels: 3 of 8 bits; images have 3 (3)\n",
        "- warning: 3 x labels ... and ... of ... (...), line ... of ...: not listed",
        "- data.source: masks\n- data.path: a text of its own\n- data.groups: a text of its own\n- data.class_map: 1 entries",
        "- convert: run by other code than code.json's; 1 of its outputs missing\n- stages of the project's own: 1",
        "- fold 1: loss not finite in epoch 3, batch 5",
    ):
        assert line in text


def test_a_params_yaml_that_cannot_be_read_is_said_to_be_so(named: Names) -> None:
    for broken in (f"{next(named)}: 1\n{next(named)}: [", f"data:\n  {next(named)}: 1\n", "\0", ""):
        write_text(paths.PARAMS, broken)
        text = doctor_report.text()
        assert "- params.yaml: cannot be read: " in text
        assert [name for name in named.given if name in text] == []


@pytest.mark.parametrize(
    "file", ["dvc.lock", "code.json", "data/doctor/findings.json", "data/prepared/index.csv", "runtime.lock"]
)
def test_what_is_damaged_costs_its_own_section_alone(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, Names(0)))
    write_text(tmp_path / "runtime.lock", "torch==1.0\n")
    write_bytes(tmp_path / file, b"\xff[{damaged")
    text = doctor_report.text()
    assert text.count("cannot be told (") == 1
    assert text.count("####") == 9 and text.endswith(doctor_report.WHERE_TO_PASTE)


def test_outside_a_project_it_tells_what_there_is(tmp_path: Path) -> None:
    done = segpipe(tmp_path, "doctor-report", "--out", "said.md")
    assert done.returncode == 0
    said = (tmp_path / "said.md").read_text(encoding="utf-8")
    assert done.stdout.startswith(said) and "result: said.md\nnext:   " in done.stdout
    for line in ("params.yaml: none in this folder", "data/prepared: not there", "dvc.lock: not there", "kept steps: none"):
        assert f"- {line}" in said


def test_another_version_than_the_locks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runtime.lock").write_text("torch==1.0\nno-such-package==2.0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text = doctor_report.text()
    assert "DIFFERS: runtime.lock has 1.0\n- no-such-package: not installed, DIFFERS: runtime.lock has 2.0" in text


def test_what_differs_from_a_new_projects_params_is_told() -> None:
    defaults = load_params(source() / "params.yaml")
    assert changed_values(load_params(ROOT / "params.yaml"), defaults) == []
    other = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    other["loss"]["dice_weight"], other["data"]["class_map"] = 0.125, {"a": "b", "c": "b"}
    other["model"]["encoder"] = "tu-efficientnet_lite1"
    told = [("data.class_map", "2 entries"), ("model.encoder", "tu-efficientnet_lite1"), ("loss.dice_weight", "0.125")]
    assert changed_values(whole_params(other), defaults) == told
