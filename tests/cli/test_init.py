"""segpipe init as a user would type it: what it prints, what it brings in, what it writes, and what it refuses."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image

from segpipe.annotations import convert
from segpipe.annotations.detect import starting_point
from segpipe.annotations.detect.starting_point import Advice
from segpipe.annotations.examination.result import Examination
from segpipe.cli.init import init
from segpipe.cli.main import app
from segpipe.errors import DataError, Fix, PipelineError
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.workflows import time_budget
from tests import plain_params
from tests.images.tiff_files import Page, tiff

OWN = Path(__file__).parents[2]


def masks(root: Path, n_images: int = 12, size: int = 40) -> Path:
    """Images and masks of two classes and void, with names."""
    rng = np.random.default_rng(0)
    for number in range(n_images):
        ids = rng.integers(0, 3, (size, size), np.uint8)
        for folder, pixels in (("photos", rng.integers(0, 256, (size, size, 3), np.uint8)), ("gt", ids)):
            path = root / folder / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    (root / "classes.txt").write_text("sky\nroad\nvoid\n")
    return root


def labelme(path: Path, label: str = "cat") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(zlib.crc32("/".join(path.parts[-2:]).encode())).integers(0, 256, (150, 200, 3), np.uint8)
    Image.fromarray(noise).save(path.with_suffix(".jpg"))
    shape = {"label": label, "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    path.with_suffix(".json").write_text(json.dumps({"shapes": [shape]}))


def refusal(*arguments: str, **options: Any) -> str:
    with pytest.raises(PipelineError) as caught:
        init(*arguments, **options)  # type: ignore[arg-type]
    return str(caught.value)


def comments(text: str) -> list[str]:
    return [line.split("#", 1)[1] for line in text.splitlines() if "#" in line]


def test_a_folder_of_masks_from_the_command_line(project: Path, tmp_path: Path) -> None:
    folder = masks(tmp_path / "mine")
    subprocess.run(["git", "init", "--quiet"], check=True)
    command = [sys.executable, "-m", "segpipe.cli.main", "init", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(OWN)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"{folder}: masks (photos and gt)"
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    assert lines[7:] == [
        "data.source: sample -> masks",
        "data.path: data/raw -> data/source",
        "data.masks.classes: background, object -> sky, road",
        "data.masks.image_dir: images -> photos",
        "data.masks.mask_dir: masks -> gt",
        "data.masks.ignore_index: 255 -> 2",
        "model.name: unet -> laplacian_fpn  (context as early as in FPN, and edges at full size)",
        "model.dropout: 0.0 -> 0.2  (behind the pyramid)",
        "model.encoder: resnet18 -> tu-efficientnet_lite0  (few operations a pixel)",
        "model.weights: none -> bundled  (ImageNet weights that are a package)",
        "model.input_scale: 1 -> 2  (shorter sides of 40 pixels are small)",
        "input.crop: 128 -> 32  (shorter sides are 40 or more, stride 32, no GPU)",
        f"train.batch_size: 8 -> 4  (12 images, {memory} GiB of memory)",
        "train.epochs: 25 -> 300  (about 2 steps an epoch, 600 in all)",
        "optim.lr: 0.002 -> 0.001  (the rate at which pretrained weights learned best)",
        "input.normalise: dataset -> centred  (-1 .. 1, what the weights were trained on)",
        "loss.class_weights: none -> log  (no background, and road covers 33 %)",
        "augment.preset: custom -> standard  (19 crops hold all images)",
        "train.monitor: dice -> miou  (no background: every class counts alike)",
        "infer.flips: none -> horizontal  (as training mirrors; better, for twice the time of a prediction)",
        "result: params.yaml, kept_folds.csv, data/source.dvc",
        "next:   git add params.yaml kept_folds.csv data/source.dvc, then dvc repro",
    ]
    data = load_params(Path("params.yaml")).data
    assert (data.source, data.path, data.masks.classes, data.masks.ignore_index) == ("masks", "data/source", ("sky", "road"), 2)
    written = Path("params.yaml").read_text()
    assert comments(re.sub(r" +(# )?\[here: .*\]", "", written)) == comments(plain_params.TEXT)
    assert written.count("[here: ") == 18
    assert "path: source" in Path("data/source.dvc").read_text()
    assert len(list(Path("data/source").rglob("*.png"))) == 24

    from segpipe.annotations.convert import convert

    examination, info = convert(data, (), tmp_path / "spool")
    assert (info.n_images, info.classes) == (12, ("sky", "road"))
    assert all(record.ignored for record in examination.records)


@pytest.mark.usefixtures("project", "without_dvc")
def test_minutes_are_measured_with_what_was_chosen_also_a_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def suggest(params: Params, examination: Examination, minutes: float) -> list[Advice]:
        # Its masks are still there.
        assert all(record.mask_png.read() for record in examination.records)
        tried.append((params.model.weights, params.data.path, minutes))
        return [Advice("train.epochs", 7 * len(tried), "measured")]

    monkeypatch.setattr(time_budget, "suggest", suggest)
    # So that the few images here are enough.
    monkeypatch.setattr(starting_point, "FEW_CROPS", 1)
    folder = masks(tmp_path / "mine")
    init(str(folder), minutes=5)
    params = load_params(Path("params.yaml"))
    # By so few epochs; by the 300 that init chooses without a budget it would be standard.
    assert (params.train.epochs, params.augment.preset) == (7, "light")
    edit.write(Path("params.yaml"), {"augment.preset": "plain"})
    init(str(folder), minutes=9)
    params = load_params(Path("params.yaml"))
    assert (params.train.epochs, params.augment.preset) == (14, "plain")
    assert tried == [("bundled", "data/source", 5), ("bundled", "data/source", 9)]


@pytest.mark.usefixtures("project", "without_dvc")
@pytest.mark.parametrize(("strategy", "steps"), [("single", 1), ("federated", 0)])
def test_epochs_are_parts_of_a_pass_only_where_the_strategy_allows_it(
    strategy: str, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the few images here are many.
    monkeypatch.setattr(starting_point, "STEPS", 10)
    edit.write(Path("params.yaml"), {"train.strategy": strategy})
    init(str(masks(tmp_path / "mine")))
    train = load_params(Path("params.yaml")).train
    assert (train.strategy, train.epochs, train.steps_per_epoch) == (strategy, 10, steps)


@pytest.mark.usefixtures("project", "without_dvc")
@pytest.mark.parametrize("minutes", [float("nan"), float("inf")])
def test_minutes_are_a_number(tmp_path: Path, minutes: float) -> None:
    before = Path("params.yaml").read_bytes()
    assert "is no length of time" in refusal(str(masks(tmp_path / "mine")), minutes=minutes)
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_second_time_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = masks(tmp_path / "mine")
    init(str(folder))
    before = Path("params.yaml").read_text()
    capsys.readouterr()
    for again in (str(folder), "data/source"):
        init(again)
        assert capsys.readouterr().out.splitlines()[-3:] == [
            "params.yaml fits already",
            "result: params.yaml, kept_folds.csv, data/source.dvc",
            "next:   dvc repro",
        ]
    assert Path("params.yaml").read_text() == before


@pytest.mark.usefixtures("project")
def test_in_place_leaves_the_data_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train/a", "train/b", "test/a"):
        labelme(tmp_path / "mine" / name)
    init("../mine", in_place=True)
    data = load_params(Path("params.yaml")).data
    assert (data.source, data.path, data.labelme.classes) == ("labelme", str(tmp_path / "mine"), ("background", "cat"))
    assert not Path("data").exists()
    lines = capsys.readouterr().out.splitlines()
    assert "data.labelme.classes: background, object -> background, cat" in lines
    assert lines[-3:] == [
        "split.n_folds: 5 -> 2  (2 images)",
        "result: params.yaml, kept_folds.csv",
        "next:   dvc repro",
    ]


@pytest.mark.usefixtures("project", "without_dvc")
def test_images_without_annotation_stop_it_until_the_line_that_leaves_them_out_is_written(tmp_path: Path) -> None:
    folder = masks(tmp_path / "mine")
    (folder / "gt/03.png").unlink()
    assert refusal(str(folder)).splitlines() == [
        "photos/03.png: an image without a mask. Annotate it, or set data.unannotated to skip or background.",
        "  params.yaml: data.unannotated: skip",
        f"`segpipe init {folder} --fix` writes the lines above.",
        "1 kind of problem; nothing was converted.",
    ]
    assert load_params(Path("params.yaml")).data.unannotated == "error"
    init(str(folder), fix=True)
    assert load_params(Path("params.yaml")).data.unannotated == "skip"


@pytest.mark.usefixtures("project", "without_dvc")
@pytest.mark.parametrize("meaning", ["background", "__ignore__"])
def test_a_first_class_that_is_called_void_is_told_until_it_is_mapped(
    meaning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = masks(tmp_path / "mine")
    (folder / "classes.txt").write_text("void\nroad\nsky\n")
    init(str(folder), in_place=True)
    assert capsys.readouterr().err.count("warning: class void: the first class") == 1
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(re.sub(r"class_map: \{\}.*", f"class_map:\n    void: {meaning}", text))
    init(str(folder), in_place=True)
    assert load_params(Path("params.yaml")).data.class_map == {"void": meaning}
    assert "void: the first class" not in capsys.readouterr().err


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_table_of_groups_in_the_folder_is_taken_and_another_one_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = masks(tmp_path / "mine")
    text = "image,group\n" + "".join(f"{number:02},p{number // 3}\n" for number in range(12))
    (folder / "groups.csv").write_text(text)
    init(str(folder), in_place=True)
    params = load_params(Path("params.yaml"))
    assert (params.data.groups, params.split.n_folds) == ("groups.csv", 4)
    assert "split.n_folds: 5 -> 4  (4 groups" in capsys.readouterr().out
    (folder / "groups.csv").rename(folder / "own.csv")
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("groups: groups.csv", "groups: own.csv"))
    (folder / "groups.csv").write_text(text)
    init(str(folder), in_place=True)
    assert load_params(Path("params.yaml")).data.groups == "own.csv"


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_link_that_leads_out_is_neither_looked_at_nor_brought(tmp_path: Path) -> None:
    folder = masks(tmp_path / "mine")
    (folder / "photos/03.png").rename(tmp_path / "03.png")
    (folder / "photos/03.png").symlink_to(tmp_path / "03.png")
    assert refusal(str(folder)) == (
        f"photos/03.png: a link that leads out of {folder}, where nothing is read or copied. "
        f"Copy the folder with the files behind its links, and use the copy: cp -rL {folder} {folder}-copy"
    )
    assert not Path("data").exists()
    subprocess.run(["cp", "-rL", str(folder), f"{folder}-copy"], check=True)
    init(f"{folder}-copy")
    assert len([*Path("data/source/photos").iterdir()]) == 12


@pytest.mark.usefixtures("project", "without_dvc")
def test_with_fix_pages_decide_the_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in "abcdef":
        for folder, top in (("images", 256), ("masks", 4)):
            path = tmp_path / "mine" / folder / f"{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tiff(*(Page(rng.integers(0, top, (40, 40), np.uint8)) for _ in range(3))))
    init(str(tmp_path / "mine"), fix=True)
    params = load_params(Path("params.yaml"))
    assert (params.data.pages, params.data.masks.classes) == ("split", ("background", "class_1", "class_2", "class_3"))
    assert "  pixels   gray of 8 bits (18)" in capsys.readouterr().out


@pytest.mark.usefixtures("project", "without_dvc")
def test_what_the_user_tuned_stays_when_images_are_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = masks(tmp_path / "mine")
    init(str(folder), in_place=True)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  crop: 32 ", "  crop: 64 ").replace("  epochs: 300", "  epochs: 7"))
    masks(folder, n_images=14)
    capsys.readouterr()
    init(str(folder), in_place=True)
    tuned = load_params(Path("params.yaml"))
    assert (tuned.input.crop, tuned.train.epochs) == (64, 7)
    assert "14 files: smaller than input.crop, 64 pixels. It gets padded. Lower input.crop." in capsys.readouterr().err
    init(str(folder), in_place=True, fix=True)
    assert load_params(Path("params.yaml")).input.crop == 32


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_warning_whose_line_is_written_brings_no_further_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = masks(tmp_path / "mine")
    looks = []

    def examine(*arguments: Any, **options: Any) -> Examination:
        looks.append(arguments)
        found = whole(*arguments, **options)
        warned = DataError("a", "b", "c", Fix("data.unannotated", "skip"), warning=True)
        return dataclasses.replace(found, problems=(*found.problems, warned))

    whole = convert.examine
    monkeypatch.setattr(convert, "examine", examine)
    init(str(folder), in_place=True, fix=True)
    assert len(looks) == 2


def cut_a_photo(folder: Path) -> None:
    (folder / "photos/01.png").write_bytes(b"")


def make_masks_black_and_white(folder: Path) -> None:
    for path in (folder / "gt").iterdir():
        Image.fromarray(np.where(np.asarray(Image.open(path)) > 0, 255, 0).astype(np.uint8)).save(path)


def add_a_name_too_few(folder: Path) -> None:
    (folder / "classes.txt").write_text("background\nroad\n")


def remove_all_masks(folder: Path) -> None:
    shutil.rmtree(folder / "gt")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_a_photo, "photos/01.png: an empty file. "),
        (make_masks_black_and_white, "12 files: only the values 0 and 255, as in a picture in black and white. "),
        (add_a_name_too_few, "classes.txt: names 2 classes, but the masks hold 2 too. "),
        (remove_all_masks, "no annotated images in it. Found 12 .png, 1 .txt in the folders photos."),
        (shutil.rmtree, "no such folder or file."),
    ],
)
def test_bad_data_changes_nothing(tmp_path: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    folder = masks(tmp_path / "mine")
    spoil(folder)
    before = sorted(Path.cwd().rglob("*"))
    assert sentence in refusal(str(folder)).splitlines()[0]
    # .resume is segpipe's own, and nothing is left in it.
    assert sorted(Path.cwd().rglob("*")) == sorted([*before, Path.cwd() / ".resume"])
    assert Path("params.yaml").read_text() == plain_params.TEXT


@pytest.mark.usefixtures("project", "without_dvc")
def test_an_archive_serves_as_well(tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "mine"), "zip", masks(tmp_path / "mine").parent, "mine")
    init(str(tmp_path / "mine.zip"))
    assert load_params(Path("params.yaml")).data.masks.image_dir == "photos"
    assert sorted(path.name for path in Path("data/source").iterdir()) == ["classes.txt", "gt", "photos"]
    assert list(Path(".resume").iterdir()) == []


@pytest.mark.usefixtures("project")
def test_outside_a_project_nothing_is_done(tmp_path: Path) -> None:
    masks(tmp_path / "mine")
    shutil.rmtree(".dvc")
    assert refusal("../mine") == (f".dvc: not in {Path.cwd()}. Run this in the project's root, where params.yaml and .dvc are.")


@pytest.mark.usefixtures("project")
def test_a_failure_of_dvc_is_told(tmp_path: Path) -> None:
    masks(tmp_path / "mine")
    Path(".dvc/config").write_text("[core\n")
    assert refusal("../mine").startswith("data/source is there, but `dvc add data/source` failed: ")
    assert Path("params.yaml").read_text() == plain_params.TEXT


def test_the_command_starts_without_heavy_libraries() -> None:
    heavy = "{'numpy', 'torch', 'cv2', 'PIL', 'pandas', 'pydantic', 'ruamel', 'mlflow', 'albumentations'}"
    code = f"import sys, segpipe.cli.main; print(sorted({heavy} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=OWN)
    assert result.stdout.strip() == "[]"


def test_a_mistake_ends_in_one_sentence_and_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "segpipe.cli.main", "init", "gone"]
    environment = {**os.environ, "PYTHONPATH": str(OWN)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"error: .dvc: not in {tmp_path}. Run this in the project's root, where params.yaml and .dvc are.\n"


@pytest.mark.usefixtures("project", "without_dvc")
def test_masks_of_classes_in_folders_of_parts_are_written_as_they_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for number in range(3):
            photo = rng.integers(0, 256, (40, 40, 3), np.uint8)
            left = np.where(np.arange(40) < 20, 255, 0)[None].repeat(40, 0).astype(np.uint8)
            files = {f"{part}/{number}.png": photo, f"{part}_masks/{number}_cat.png": left}
            for path, pixels in (files | {f"{part}_masks/{number}_dog.png": 255 - left}).items():
                (tmp_path / "mine" / path).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(tmp_path / "mine" / path)
    init(str(tmp_path / "mine"), in_place=True)
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'mine'}: masks (. and *_masks, {{stem}}_{{class}})" in printed
    assert "background, cat (in 6), dog (in 6)" in printed
    data = load_params(Path("params.yaml")).data
    own = data.masks
    assert (own.mask_dir, own.template, own.values) == ("*_masks", "{stem}_{class}", "binary")
    examination = convert.examine(data, (), tmp_path / "spool")
    assert {(record.given, record.pixels) for record in examination.records} == {
        ("train", (0, 800, 800)),
        ("val", (0, 800, 800)),
    }
    init(str(tmp_path / "mine"), in_place=True, template="{stem}_cat")
    assert load_params(Path("params.yaml")).data.masks.classes == ("background", "object")


@pytest.mark.usefixtures("project", "without_dvc")
def test_the_remedy_repeats_the_command_as_a_shell_takes_it(tmp_path: Path) -> None:
    folder = masks(tmp_path / "my own data")
    (folder / "gt/03.png").unlink()
    options = {"kind": "masks", "image_dir": "photos", "mask_dir": "gt", "in_place": True}
    (line,) = [line for line in refusal(str(folder), **options).splitlines() if "--fix" in line]
    printed = shlex.split(line.split("`")[1])
    assert printed == [
        *("segpipe", "init", str(folder), "--in-place", "--kind", "masks"),
        *("--image-dir", "photos", "--mask-dir", "gt", "--fix"),
    ]
    with pytest.raises(SystemExit) as ended:
        typer.main.get_command(app)(printed[1:])
    assert ended.value.code == 0
    assert load_params(Path("params.yaml")).data.unannotated == "skip"
