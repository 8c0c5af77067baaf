"""segpipe convert and unpack as a user would type them: what they write, what they leave alone, and what they refuse."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.main
import yaml
from PIL import Image

from segpipe.cli.convert import PLAIN, convert
from segpipe.cli.main import app
from segpipe.cli.unpack import unpack
from segpipe.dataset.pack import open_pack
from segpipe.errors import PipelineError

OWN = Path(__file__).parents[2]
IDS = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Three images with masks, names and a given split."""
    for number, part in enumerate(("train/a", "train/b", "val/c")):
        for folder, pixels in (("images", np.full((2, 3, 3), 50 * number, np.uint8)), ("masks", np.roll(IDS, number, 1))):
            path = tmp_path / "src" / folder / f"{part}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (tmp_path / "names.txt").write_text("background\ncat\ndog\n")
    return tmp_path / "src"


def snapshot(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_plain_folders_from_the_command_line_without_a_project(masks: Path, tmp_path: Path) -> None:
    before = snapshot(masks)
    out = tmp_path / "out"
    options = ["--source", "masks", "--classes", str(tmp_path / "names.txt"), "--out", str(out), "--unpack"]
    environment = {**os.environ, "PYTHONPATH": str(OWN)}
    command = [sys.executable, "-m", "segpipe.cli.main", "convert", str(masks), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == "3 images with 3 channels of 8 bits; classes: background, cat, dog"
    with Image.open(out / "masks/train/a.png") as mask:
        assert np.array_equal(np.asarray(mask), IDS)
    assert (out / "images/val/c.png").read_bytes() == (masks / "images/val/c.png").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["classes.txt", "doctor", "images", "masks", "train.txt", "val.txt"]
    assert snapshot(masks) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names.txt", "out", "src"]


def test_a_mistake_leaves_nothing_and_ends_with_code_2(masks: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((5, 5), 1, np.uint8)).save(masks / "masks/train/a.png")
    (masks / "images/train/b.png").write_text("no image")
    command = [sys.executable, "-m", "segpipe.cli.main", "convert", str(masks), "--out", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(OWN)})
    assert ran.returncode == 2
    assert "error: images/train/b.png: not an image that can be read" in ran.stderr
    assert "5 x 5 pixels, but the image has 3 x 2" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names.txt", "src"]


def test_the_pack_and_back(masks: Path, tmp_path: Path) -> None:
    convert(masks, tmp_path / "pack", set_=["data.masks.ignore_index=255"])
    assert len(open_pack(tmp_path / "pack").index) == 3
    unpack(tmp_path / "plain", tmp_path / "pack")
    convert(tmp_path / "plain", tmp_path / "again")
    first, second = (open_pack(tmp_path / name) for name in ("pack", "again"))
    assert first.sha256 == second.sha256
    assert first.info == second.info
    assert (first.index["given"] == second.index["given"]).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"set_": ["seed=3"]}, "write KEY=VALUE with a key of the data section"),
        ({"set_": ["data.masks.value=binary"]}, "data.masks.value: no such key; did you mean values"),
        ({"set_": ["data.shapes.fill=best"]}, "data.shapes.fill: 'best' will not do"),
        ({"set_": ["data.path.x=1"]}, "no such key"),
        ({"classes": Path("gone.txt")}, "gone.txt: no such file"),
    ],
)
def test_wrong_options_are_named(masks: Path, tmp_path: Path, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(PipelineError, match=sentence):
        convert(masks, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_data_stays_untouched(masks: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="where nothing may change"):
        convert(masks, masks / "out")
    with pytest.raises(PipelineError, match="no such folder"):
        convert(tmp_path / "gone", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("x")
    with pytest.raises(PipelineError, match="is there already"):
        convert(masks, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_what_the_doctor_found_is_kept(masks: Path, tmp_path: Path) -> None:
    convert(masks, tmp_path / "out")
    found = json.loads((tmp_path / "out/doctor/findings.json").read_text())
    assert "an image with a side below 32 pixels" in {each["problem"] for each in found}


def test_without_a_project_the_keys_are_those_of_the_projects_own_file() -> None:
    own = yaml.safe_load((OWN / "params.yaml").read_text(encoding="utf-8"))["data"]
    blocks = {
        key: {name: each for name, each in value.items() if name != "classes"}
        for key, value in own.items()
        if isinstance(value, dict)
    }
    assert own | blocks | {"source": None, "path": None} == PLAIN | {"source": None, "path": None}


def test_folders_of_other_names_are_named_as_init_does(masks: Path, tmp_path: Path) -> None:
    (masks / "images").rename(masks / "left")
    (masks / "masks").rename(masks / "right")
    convert(masks, tmp_path / "out", source="masks", image_dir="left", mask_dir="right")
    assert open_pack(tmp_path / "out").info.n_images == 3
    with pytest.raises(PipelineError, match="--image-dir and --mask-dir belong together: name the other folder, too"):
        convert(masks, tmp_path / "out2", source="masks", image_dir="left")


def test_what_it_says_is_next_can_be_run(masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out of it"
    convert(masks, out)
    following = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("next:"))
    with pytest.raises(SystemExit) as ended:
        typer.main.get_command(app)(following[1:])
    assert ended.value.code == 0
    assert (tmp_path / "out of it-plain/classes.txt").is_file()
