"""segpipe convert and unpack as a user would type them: what they write, what they leave alone, and what they refuse."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import typer.main
import yaml
from PIL import Image

from segpipe.acquire import ingest
from segpipe.cli.convert import convert
from segpipe.cli.main import app
from segpipe.cli.unpack import unpack
from segpipe.dataset.pack import open_pack
from segpipe.errors import PipelineError
from segpipe.workflows.convert_folder import PLAIN
from tests.annotations.formats.masks.folders import blocks, save
from tests.corpus.build import voc

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


def test_groups_and_parts_of_some_images_come_back_from_plain_folders(tmp_path: Path) -> None:
    lists = {"train": "a b c", "val": "d"}
    voc(
        tmp_path / "voc",
        lists,
        {name: np.roll(blocks(0, 1, 2, 255, side=2).repeat(2, axis=0), at, 1) for at, name in enumerate("abcd")},
    )
    (tmp_path / "voc/who.csv").write_text("image,group\na,p1\nb,p2\nc,p1\nd,p3\n")
    convert(tmp_path / "voc", tmp_path / "plain", unpack=True, set_=["data.groups=who.csv", "data.near_duplicates=none"])
    convert(tmp_path / "plain", tmp_path / "again", set_=["data.near_duplicates=none"])
    index = open_pack(tmp_path / "again").index
    assert index["group"].to_dict() == {"a": "p1", "b": "p2", "c": "p1", "d": "p3"}
    assert index["given"].to_dict() == {"a": "", "b": "", "c": "", "d": "test"}


def test_a_table_of_groups_is_taken_and_can_be_refused(masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (masks / "groups.csv").write_text("group,image\nx,train/a\nx,train/b\ny,val/c\n")
    convert(masks, tmp_path / "out")
    assert capsys.readouterr().out.splitlines()[0] == "groups: 2, of groups.csv"
    assert [*open_pack(tmp_path / "out").index["group"]] == ["x", "x", "y"]
    convert(masks, tmp_path / "none", set_=["data.groups=none"])
    assert [*open_pack(tmp_path / "none").index["group"]] == ["", "", ""]
    (masks / "groups.csv").write_text("group,image\nx,train/a\n")
    with pytest.raises(PipelineError, match=r"an image that groups\.csv does not name\. Add a line for it, or set data\.groups"):
        convert(masks, tmp_path / "half")


def cvat(root: Path, lists: dict[str, str]) -> Path:
    """A small export of CVAT's, "Segmentation mask 1.1"."""
    masks = {name: blocks((0, 0, 0), colour) for name, colour in (("a", (255, 0, 204)), ("b", (0, 255, 133)), ("c", (0, 0, 0)))}
    voc(root, lists, masks)
    for name, values in masks.items():
        save(root / f"SegmentationObject/{name}.png", values)
    (root / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbone:255,0,204::\nskin:0,255,133::\n"
    )
    return root


@pytest.mark.parametrize(
    ("lists", "given"),
    [({"default": "a b c"}, ["", "", ""]), ({"Train": "a c", "Validation": "b"}, ["train", "val", "train"])],
)
def test_an_export_of_cvat_is_read_without_options(
    tmp_path: Path, lists: dict[str, str], given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    convert(cvat(tmp_path / "src", lists), tmp_path / "out", unpack=True)
    assert (tmp_path / "out/classes.txt").read_text() == "background\nbone\nskin\n"
    assert [int(np.asarray(Image.open(tmp_path / f"out/masks/{name}.png"))[0, -1]) for name in "abc"] == [1, 2, 0]
    convert(tmp_path / "src", tmp_path / "pack")
    assert [*open_pack(tmp_path / "pack").index["given"]] == given
    assert "SegmentationObject (3 image files: a.png, b.png, c.png): " in capsys.readouterr().err


def test_a_tar_in_colours_of_its_own_says_how_to_unpack_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    with tarfile.open(tmp_path / "my export.tar", "w") as tar:
        tar.add(cvat(tmp_path / "src", {"default": "a b c"}), ".")
    with pytest.raises(PipelineError) as caught:
        convert(tmp_path / "my export.tar", tmp_path / "out")
    command = str(caught.value).partition("use the folder: ")[2]
    subprocess.run(command, shell=True, check=True)
    convert(tmp_path / "my export", tmp_path / "out")
    with ingest.open_source(str(tmp_path / "my export.tar"), None) as where:
        assert (where / "labelmap.txt").is_file()


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


def by_class(root: Path, mask: str, kinds: tuple[str, ...] = ("cat", "dog")) -> Path:
    """Four images of noise, with a mask in black and white for each kind: the column of its number."""
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        column = {kind: np.where(np.arange(4) == at, 255, 0)[None].repeat(4, 0) for at, kind in enumerate(kinds, 1)}
        files = {mask.format(number, kind): values for kind, values in column.items()}
        for path, pixels in {f"images/{number}.png": noise, **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(root / path)
    return root


def first_rows(out: Path) -> set[tuple[int, ...]]:
    rows = set()
    for path in (out / "masks").rglob("*.png"):
        with Image.open(path) as mask:
            rows.add(tuple(np.asarray(mask)[0].tolist()))
    return rows


@pytest.mark.parametrize("mask", ["masks/{0}_{1}.png", "masks/{1}/{0}.png", "masks/{1} {0}.PNG"])
def test_a_mask_for_each_class_ends_in_one_mask(tmp_path: Path, mask: str) -> None:
    convert(by_class(tmp_path / "src", mask), tmp_path / "out", unpack=True)
    assert first_rows(tmp_path / "out") == {(0, 1, 2, 0)}
    assert (tmp_path / "out/classes.txt").read_text().split() == ["background", "cat", "dog"]


def test_what_is_left_open_and_what_mends_it_work_as_printed(tmp_path: Path) -> None:
    src = by_class(tmp_path / "src", "masks/{0}_{1}.png", ("cat", "cat2"))
    with pytest.raises(PipelineError) as caught:
        convert(src, tmp_path / "out", unpack=True)
    choices = [shlex.split(line)[1::2] for line in str(caught.value).splitlines() if line.startswith("  -S")]
    results = [{(0, 1, 2, 0)}, {(0, 1, 1, 0)}, {(0, 1, 0, 0)}, {(0, 0, 1, 0)}]
    for number, (choice, rows) in enumerate(zip(choices, results, strict=True)):
        convert(src, tmp_path / f"out{number}", unpack=True, set_=choice)
        assert first_rows(tmp_path / f"out{number}") == rows


def test_masks_that_nothing_joins_are_read_by_a_list_as_printed(tmp_path: Path) -> None:
    src = by_class(tmp_path / "src", "masks/{0}.png", ("cat",))
    (src / "masks/0_more.png").write_bytes((by_class(tmp_path / "x", "{0}_{1}.png") / "0_dog.png").read_bytes())
    with pytest.raises(PipelineError, match=r"list all masks with their classes in pairs\.csv in this folder"):
        convert(src, tmp_path / "out", unpack=True)
    lines = ["image,mask,class", *(f"images/{at}.png,masks/{at}.png,cat" for at in range(4)), "images/0.png,masks/0_more.png,dog"]
    (src / "list.csv").write_text("\n".join(lines))
    convert(src, tmp_path / "out", unpack=True, set_=["data.masks.pairs=list.csv"])
    (src / "list.csv").rename(src / "pairs.csv")
    convert(src, tmp_path / "again", unpack=True)
    assert first_rows(tmp_path / "out") == first_rows(tmp_path / "again") == {(0, 1, 0, 0), (0, 1, 2, 0)}


def test_the_lines_that_read_masks_of_classes_work_as_printed(tmp_path: Path) -> None:
    src = by_class(tmp_path / "src", "masks/{0}_{1}.png")
    told = ["data.masks.image_dir=images", "data.masks.mask_dir=masks", "data.masks.template={stem}"]
    with pytest.raises(PipelineError) as caught:
        convert(src, tmp_path / "out", unpack=True, set_=told)
    line = next(line for line in str(caught.value).splitlines() if line.startswith("Add to the command"))
    convert(src, tmp_path / "out", unpack=True, set_=[*told, *shlex.split(line.partition(": ")[2])[1::2]])
    assert first_rows(tmp_path / "out") == {(0, 1, 2, 0)}


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


def test_classes_that_the_command_names_count_more_than_a_list_that_is_too_short(masks: Path, tmp_path: Path) -> None:
    (masks / "classes.txt").write_text("background\n")
    with pytest.raises(PipelineError, match=r"values that are no class: 2\. .*\n.*\n.*add class_2"):
        convert(masks, tmp_path / "out")
    convert(masks, tmp_path / "out", set_=["data.masks.classes=[background, cat, dog]"])
    assert open_pack(tmp_path / "out").info.classes == ("background", "cat", "dog")
