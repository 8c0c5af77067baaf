"""Hostile inputs at the doors that users have: nothing is run, nothing lands elsewhere, and each ends in its sentence."""

import csv
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from segpipe import decided, evaluation
from segpipe.cli.main import app
from segpipe.console import command
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.decided import Chosen
from segpipe.evaluation import ScoredImage
from segpipe.inference import closer_look_file, snapshot_scores
from segpipe.inference.closer_look_file import CloserLook
from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.models import pretrained
from segpipe.params import edit
from segpipe.params.decision import ARGMAX
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.params.stage_keys import NEVER_A_RESULT, TrainKeys
from segpipe.scores.counts import confusion
from segpipe.scores.levels import Levels, levels
from segpipe.storage.files import sha256_of
from segpipe.training import resume
from stages import convert, report, split, train
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.report.projects import finished
from tests.report.test_page import Reader
from tests.structure.imports import ROOT
from tests.torture import hostile
from tests.torture.hostile import MARKER, OUT_OF_THE_UNPACKED, Builder, member, sparse, tar, zip_with
from tests.training.suite import run as training_run

LONGEST = 2000
"""Characters that a refusal may have."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project without Git as the current folder. Afterwards there must be no marker anywhere."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n")
    shutil.copy(ROOT / "runtime.lock", root)
    plain_params.write(root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    yield root
    assert list(tmp_path.rglob(MARKER)) == []


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command as a shell would and returns what it says: exit code 2, and error lines only."""

    def run(start: Callable[[], None], *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["segpipe", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            start()
        said = capsys.readouterr()
        assert ended.value.code == 2, said
        lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert lines, said.err
        assert "Traceback" not in said.err
        assert len("".join(lines)) < LONGEST
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", "".join(lines))
        return "\n".join(lines)

    return run


def segpipe() -> None:
    command.run_app(app)


def stage(main: Callable[..., None]) -> Callable[[], None]:
    return lambda: command.run(main)


def set_params(**values: object) -> None:
    edit.write(Path("params.yaml"), {key.replace("__", "."): value for key, value in values.items()})  # type: ignore[misc]


NOT_OURS = "it has no checksum of segpipe's"


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        pytest.param(hostile.pickled("model.safetensors"), NOT_OURS, id="a pickle called .safetensors"),
        pytest.param(hostile.pickled("model.onnx"), NOT_OURS, id="a pickle called .onnx"),
        pytest.param(hostile.pickled("model.pt"), NOT_OURS, id="a pickle called .pt"),
        pytest.param(hostile.torch_file("model.safetensors"), NOT_OURS, id="a torch file called .safetensors"),
        pytest.param(hostile.torch_file("model.pth"), NOT_OURS, id="a torch file"),
        pytest.param(
            hostile.sealed_pickle("model.safetensors"), "or damaged (", id="a pickle with a valid seal called .safetensors"
        ),
        pytest.param(hostile.sealed_pickle("model.onnx"), "Error parsing", id="a pickle with a valid seal called .onnx"),
        pytest.param(
            hostile.onnx_that_reads_another_file,
            "its weights are to come from another file",
            id="ONNX that takes its weights from elsewhere",
        ),
        pytest.param(hostile.card_of_a_giant, "its card's channels: ", id="a card that asks for terabytes"),
        pytest.param(hostile.card_of_other_types, "its card's training: ", id="a card of other types"),
        pytest.param(hostile.card_without_threads, "its card's params.threads: ", id="a card that lacks what prediction needs"),
    ],
)
def test_a_model_for_predict(build: Builder, reason: str, project: Path, refused: Callable[..., str]) -> None:
    hostile.written(project / "photo.png", hostile.encoded(noise(0)))
    model = build(project)
    said = refused(segpipe, "predict", "photo.png", "--model", str(model))
    assert f"{model}: not a model" in said
    assert reason in said
    assert not Path("predictions").exists()


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(hostile.pickled("w.pth"), id="a pickle called .pth"),
        pytest.param(hostile.pickled("w.pt"), id="a pickle called .pt"),
        pytest.param(hostile.pickled("w.safetensors"), id="a pickle called .safetensors"),
        pytest.param(hostile.torch_file("w.pth"), id="a payload among the tensors"),
        pytest.param(hostile.torch_file("w.pt", new_format=False), id="a payload among the tensors, old format"),
        pytest.param(hostile.torch_file("w.safetensors"), id="a torch file called .safetensors"),
    ],
)
@pytest.mark.parametrize("forced", [False, True], ids=["", "with torch told to unpickle"])
def test_weights_for_an_encoder(
    build: Builder, forced: bool, project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through stage train, as params.yaml names them."""
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    weights = build(project)
    finished(project)
    set_params(model__name="resnet_unet", model__weights=str(weights), model__weights_sha256=sha256_of(weights))
    said = refused(stage(train.main), "--fold", "0")
    assert f"model.weights: {weights} cannot be read" in said
    assert "what would have to run code to be read is not read" in said
    assert not Path("models").exists()


def test_imagenet_weights_in_torchs_cache(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(project / "cache"))
    hostile.torch_file(f"cache/hub/checkpoints/{hostile.TRAINED}")(project)
    finished(project)
    set_params(model__name="resnet_unet", model__weights="imagenet")
    assert "model.weights: imagenet could not be downloaded (Weights only load failed" in refused(
        stage(train.main), "--fold", "0"
    )


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_weights_that_become_another_file_once_they_are_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was hashed is what was loaded."""
    network = torch.nn.Conv2d(3, 4, 3)
    content = safetensors.torch.save(network.state_dict())
    if name == "w.pth":
        torch.save(network.state_dict(), tmp_path / name)
        content = (tmp_path / name).read_bytes()
    path = hostile.written(tmp_path / name, content)
    module, reader = (torch, "load") if name == "w.pth" else (pretrained, "load")
    own = getattr(module, reader)

    def swapped(*arguments: object, **named: object) -> object:
        found = own(*arguments, **named)
        path.write_bytes(b"another file")
        return found

    monkeypatch.setattr(module, reader, swapped)
    sha256 = hashlib.sha256(content).hexdigest()
    assert pretrained.start(network, str(path), sha256, dict) == sha256
    assert path.read_bytes() == b"another file"


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(hostile.pickled("000001-00000001.state"), id="a pickle"),
        pytest.param(hostile.torch_file("000001-00000001.state"), id="a torch file"),
        pytest.param(hostile.sealed_pickle("000001-00000001.state"), id="a pickle with a valid seal"),
    ],
)
def test_a_state_to_go_on_from(build: Builder, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = build(project)
    assert not resume.SavedStates(project, 0.0).restore(training_run(), None)
    assert f"warning: {state} is damaged" in capsys.readouterr().err
    assert not state.exists()


ARCHIVES: list[tuple[str, Builder, str]] = [
    ("a tar with an absolute name", tar("a.tar", member(MARKER)), "would land outside"),
    ("a tar with ..", tar("a.tar", member(OUT_OF_THE_UNPACKED)), "would land outside"),
    ("a tar with a symbolic link", tar("a.tar", member("link", tarfile.SYMTYPE, MARKER)), "is a link"),
    ("a tar with a hard link", tar("a.tar", member("link", tarfile.LNKTYPE, MARKER)), "is a link"),
    (
        "a tar that writes through its own link",
        tar("a.tar", member("out", tarfile.SYMTYPE, "../../.."), member(f"out/{MARKER}")),
        "is a link",
    ),
    ("a tar with a device", tar("a.tar", member("zero", tarfile.CHRTYPE)), "is a link or a device"),
    ("a tar with a sparse giant", tar("a.tar", sparse("set/images/zeros.png")), "sparse"),
    ("a tar that runs backwards", tar("a.tar", member("odd", size="-1024")), "-1024 bytes"),
    ("a VOC tar with ..", tar("a.tar", member(OUT_OF_THE_UNPACKED), voc=True), "would land outside"),
    ("a zip with an absolute name", zip_with("a.zip", MARKER), "would land outside"),
    ("a zip with ..", zip_with("a.zip", OUT_OF_THE_UNPACKED), "would land outside"),
    ("a zip with .. for Windows", zip_with("a.zip", OUT_OF_THE_UNPACKED.replace("/", "\\")), "would land outside"),
    ("a zip with a link", zip_with("a.zip", "link", stat.S_IFLNK | 0o777, b"../../../"), "is a link"),
    ("a zip bomb", hostile.zip_bomb, "unpacks into more than"),
]


@pytest.mark.parametrize(("build", "reason"), [pytest.param(*each[1:], id=each[0]) for each in ARCHIVES])
def test_an_archive_for_init(build: Builder, reason: str, project: Path, refused: Callable[..., str]) -> None:
    archive = build(project.parent)
    before = sorted(project.parent.rglob("*"))
    said = refused(segpipe, "init", str(archive))
    assert str(archive) in said
    assert reason in said
    left = set(project.parent.rglob("*")) - set(before)
    assert left <= {project / ".resume"}
    assert Path("params.yaml").read_text(encoding="utf-8") == plain_params.TEXT


@pytest.mark.parametrize("build", [pytest.param(tar("a.tar"), id="tar"), pytest.param(zip_with("a.zip", "set/more"), id="zip")])
def test_the_same_archive_without_malice_is_taken(build: Builder, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the refusals above could be of something else."""
    monkeypatch.setattr("segpipe.acquire.ingest._dvc_add", lambda: None)
    monkeypatch.setattr(
        "segpipe.workflows.split_groups.refuse_too_few", lambda *_: None
    )  # the archive holds one picture 12 times
    monkeypatch.setattr(sys, "argv", ["segpipe", "init", str(build(project.parent))])
    with pytest.raises(SystemExit) as ended:
        segpipe()
    assert ended.value.code == 0
    assert len(list(Path("data/source/images").iterdir())) == 12


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param([member(MARKER)], "would land outside", id="an absolute name"),
        pytest.param([member("../VOC2012/JPEGImages/c.jpg")], "would land outside", id="with .."),
        pytest.param([member("VOC2012/JPEGImages/c.jpg", tarfile.SYMTYPE, "/etc/hostname")], "is a link", id="a symbolic link"),
        pytest.param([member("VOC2012/JPEGImages/c.jpg", tarfile.LNKTYPE, "/etc/hostname")], "is a link", id="a hard link"),
        pytest.param([sparse("VOC2012/JPEGImages/a.jpg")], "sparse", id="a sparse giant"),
        pytest.param([member("odd", size="-1024")], "-1024 bytes", id="running backwards"),
    ],
)
def test_a_voc_tar_for_convert(
    members: list[Callable[[Path], tarfile.TarInfo]], reason: str, project: Path, refused: Callable[..., str]
) -> None:
    archive = tar("voc.tar", *members, voc=True)(project)
    set_params(data__source="voc", data__path=str(archive))
    said = refused(stage(convert.main))
    assert str(archive) in said
    assert reason in said
    assert not Path("data").exists()


IMAGES: list[tuple[str, Builder, str]] = [
    *(
        (f"a pickle called {suffix}", hostile.pickled(f"x{suffix}"), "not an image")
        for suffix in (".png", ".jpg", ".tif", ".webp")
    ),
    *(
        (f"an array of objects called {suffix}", hostile.object_array(f"x{suffix}"), "a file of arrays")
        for suffix in (".png", ".bmp")
    ),
    ("PostScript called .png", hostile.postscript, "a PDF or PostScript document"),
    ("a PNG that says it is a giant", hostile.png_of("giant.png", 2**31 - 1, 2**31 - 1), "more pixels than any reader takes"),
    ("a PNG somewhat above the limit", hostile.png_of("large.png", 20_000, 20_000), "20000 x 20000 pixels, above the limit"),
    ("a PNG bomb", hostile.png_bomb, "22000 x 22000 pixels, above the limit"),
    ("a PNG with a comment of 100 MB", hostile.png_text_bomb, "image"),
    ("a TIFF that says it is a giant", hostile.tiff_of_a_giant, "pixels, above the limit"),
]


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize(("build", "reason"), [pytest.param(*each[1:], id=each[0]) for each in IMAGES])
def test_an_image_or_a_mask_for_convert(
    build: Builder, reason: str, kind: str, project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}")
    built = build(project)
    target = Path("own") / kind / built.name
    hostile.written(target, built.read_bytes())
    other = "masks" if kind == "images" else "images"
    hostile.written(Path("own") / other / f"{built.stem}.png", hostile.encoded(noise(0)[:, :, 0] % 2))
    set_params(data__source="masks", data__path=str(project / "own"))
    said = refused(stage(convert.main))
    assert f"{kind}/{built.stem}" in said
    assert reason in said
    assert not Path("data").exists()


YAML: list[tuple[str, Callable[[Path], str], str]] = [
    (
        "a call",
        lambda root: f'seed: !!python/object/apply:os.system ["touch {root / MARKER}"]',
        "could not determine a constructor",
    ),
    (
        "a new object",
        lambda root: f'seed: !!python/object/new:subprocess.Popen [["touch", "{root / MARKER}"]]',
        "could not determine a constructor",
    ),
    ("a module", lambda _: "seed: !!python/module:antigravity", "could not determine a constructor"),
    ("a date that is none", lambda _: "seed: 2020-99-99", "month must be in 1..12"),
    ("a tag that lies", lambda _: "seed: !!timestamp x", "cannot be read as YAML"),
    ("brackets without end", lambda _: f"seed: {'[' * 5000}", "cannot be read as YAML"),
    (
        "a billion laughs",
        lambda _: (
            "x0: &a0 [0]\n" + "".join(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 7)) + "seed: *a6"
        ),
        "seed: [[[...], [...], ",
    ),
]


@pytest.mark.parametrize("door", ["init", "convert"])
@pytest.mark.parametrize(("line", "reason"), [pytest.param(*each[1:], id=each[0]) for each in YAML])
def test_a_params_yaml(line: Callable[[Path], str], reason: str, door: str, project: Path, refused: Callable[..., str]) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(re.sub(r"^seed:.*$", lambda _: line(project), text, flags=re.MULTILINE))
    said = refused(segpipe, "init", ".") if door == "init" else refused(stage(convert.main))
    assert "params.yaml" in said
    assert reason in said


def test_a_shell_sees_the_sentence_and_code_2(project: Path) -> None:
    Path("params.yaml").write_text(f"seed: !!python/object/apply:os.system ['touch {project / MARKER}']\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-m", "stages.convert"], capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: params.yaml cannot be read as YAML: could not determine a constructor for the tag")


def change_json(**values: object) -> Callable[[Path], None]:
    def change(prepared: Path) -> None:
        file = prepared / "dataset.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


def change_index(column: str, value: str) -> Callable[[Path], None]:
    def change(prepared: Path) -> None:
        table = pd.read_csv(prepared / "index.csv", dtype=str, keep_default_na=False)
        table.loc[0, column] = value
        table.to_csv(prepared / "index.csv", index=False)

    return change


def replace(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda prepared: (prepared / name).write_bytes(content) and None  # type: ignore[func-returns-value]


def claim_gigabytes(prepared: Path) -> None:
    """A member that claims more than the whole file has."""
    shard = next(prepared.glob("images-*.zip"))
    content = bytearray(shard.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 20 : at + 28] = (2**32 - 2).to_bytes(4, "little") * 2
    shard.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(replace("dataset.json", b"[" * 100_000), "dataset.json", id="brackets without end"),
        pytest.param(replace("dataset.json", b"[1, 2]"), "dataset.json", id="a list for dataset.json"),
        pytest.param(replace("dataset.json", hostile.pickle.dumps(1)), "dataset.json", id="a pickle called dataset.json"),
        pytest.param(change_json(classes="<script>"), "dataset.json: classes", id="classes that are a word"),
        pytest.param(change_json(classes=["a", "b\x1b[2J"]), "control characters", id="a class that clears the screen"),
        pytest.param(change_json(n_images="=1+1"), "dataset.json: n_images", id="a formula for a number"),
        pytest.param(replace("index.csv", hostile.pickle.dumps(1)), "not whole", id="a pickle called index.csv"),
        pytest.param(change_index("width", "=1+1"), "index.csv: the column width", id="a formula for a width"),
        pytest.param(change_index("pixels_1", "9" * 400), "index.csv: the column pixels_1", id="a count that is no number"),
        pytest.param(change_index("id", "../../marker"), "name other images", id="an id that leads elsewhere"),
        pytest.param(claim_gigabytes, "not stored as it says", id="a zip's member that claims gigabytes"),
    ],
)
def test_a_pack_for_training(change: Callable[[Path], None], reason: str, project: Path, refused: Callable[..., str]) -> None:
    finished(project)
    change(Path("data/prepared"))
    said = refused(stage(train.main), "--fold", "0")
    assert "error: data/prepared: " in said
    assert reason in said
    assert "Run `dvc repro" in said


def test_a_pack_for_split(project: Path, refused: Callable[..., str]) -> None:
    finished(project)
    change_index("pixels_1", "@SUM(A1)")(Path("data/prepared"))
    assert "index.csv: the column pixels_1 holds more than whole numbers" in refused(stage(split.main))
    Path("data/prepared/dataset.json").unlink()
    assert "data/prepared: not whole" in refused(stage(split.main))


LABELS = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(2)" x="',
    "image": "<img src=x onerror=alert(3)>",
    "end": "</title></style></svg><iframe src=javascript:alert(4)>",
    "template": "${style} $title {{7*7}}",
    "link": '=HYPERLINK("http://example.org","look")',
    "command": "+cmd|' /C calc'!A0",
    "sum": "@SUM(A1:A9)",
    "difference": "-1+1",
    "semicolon": "cat;=1+1",
    "apostrophe": "'=1+1",
    "wide": "\uff1d1+1",
    "tag": "!!python/object/apply:os.system ['touch marker']",
    "comma": 'a,"b',
}
FILES = ("=1+1", "+cmd", "@SUM(1)", "-1+1", "'quoted", "a;=1+1", "<img src=x onerror=alert(5)>", "-7", "007", "a,b")
EVALUATED = re.compile(r"(^|[;\t\r\n])[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet would take for a formula, whatever it splits cells at."""


@pytest.fixture
def labelled(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A project whose labels and file names are hostile, from `segpipe init` to the report; only training is played."""
    labels = [*LABELS.values()]
    images = {name: labels[number % len(labels)] for number, name in enumerate([*FILES, *LABELS])}
    hostile.labelme(project.parent / "own", images)
    monkeypatch.setattr(sys, "argv", ["segpipe", "init", str(project.parent / "own"), "--in-place"])
    with pytest.raises(SystemExit) as ended:
        segpipe()
    assert ended.value.code == 0, capsys.readouterr()
    convert.main()
    split.main()
    params = load_params()
    play_training(params)
    report.main()
    return project


def play_training(params: Params) -> None:
    """data/eval as evaluate would write it, of predictions that are the truth moved."""
    data, parts = pack.open_pack(Path("data/prepared")), folds.read(Path("data/folds/folds.csv"))
    names = data.info.classes
    found = {}
    for part, ids in (("val", folds.train_and_validation(parts, params.folds[0])[1]), ("test", folds.test(parts))):
        masks = [(item, data.mask(item)) for item in ids]
        moved = [(item, mask, np.roll(mask, 2, axis=1)) for item, mask in masks]
        found[part] = [
            ScoredImage(item, mask, seen, confusion(mask, seen, len(names)), {"loss": -0.5}, sure(seen, len(names)))
            for item, mask, seen in moved
        ]
    folder = Path(f"data/eval/fold{params.folds[0]}")
    evaluation.write(folder, found, names, data.info.has_background, tolerance=2.0)
    shown = (found["test"] or found["val"])[0]
    closer_look_file.write(folder / "closer_look.zip", CloserLook(epochs={shown.id: {1: shown.mask, 2: shown.prediction}}))
    snapshot_scores.write(folder / "snapshots.csv", [SnapshotScores(1, 1, 0.5, None, 0.25)])
    history = folder.parent / "history.csv"
    history.write_text("epoch,train_loss,val_loss,val_miou,val_dice\n0,-0.25,-1e-05,0.5,0.5\n")
    recorded = TrainKeys.of(params).model_dump(exclude=NEVER_A_RESULT, mode="json")
    decided.write(folder, Chosen(ARGMAX))
    evaluation.write_origin(folder, params.folds[0], "print", {"params": recorded}, "model", history)
    history.unlink()


def sure(seen: np.ndarray, n_classes: int) -> Levels:
    """The levels of a model that has no doubt."""
    return levels(np.eye(n_classes, dtype=np.float32)[seen].transpose(2, 0, 1))


def test_hostile_labels_are_text_in_params_page_and_tables(labelled: Path) -> None:
    assert set(load_params().data.labelme.classes) == {"background", *LABELS.values()}
    reader = Reader((labelled / "reports/index.html").read_text(encoding="utf-8"))
    assert {tag for tag, _ in reader.tags} & {"iframe", "object", "embed"} == set()
    assert len(reader.scripts) == 2  # the rows of the table of images, and the page's own
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    addresses = reader.values("src", "href", "xlink:href")
    assert all(value.startswith(("data:", "#")) or re.fullmatch(r"images/\d{5}\.jpg", value) for value in addresses)
    for label in LABELS.values():
        assert label in reader.text, label
    names = [row[2] for row in cells("metrics/per_class.csv")[1:]]
    assert names[: len(LABELS) + 1] == [guarded(name) for name in load_params().data.labelme.classes]


def test_no_cell_of_any_table_is_a_formula_and_numbers_stay_numbers(labelled: Path) -> None:
    tables = sorted(path.relative_to(labelled).as_posix() for path in labelled.rglob("*.csv"))
    assert len(tables) == 13
    found = [cell for table in tables for row in cells(table) for cell in row]
    dangerous = [cell for cell in found if EVALUATED.search(cell) and not is_number(cell)]
    assert dangerous == []
    assert {"-0.5", "-7"} <= set(found)
    assert "-1e-05" in {cell for row in cells("metrics/curves.csv") for cell in row}


def test_hostile_file_names_come_back_as_they_were(labelled: Path) -> None:
    data = pack.open_pack(labelled / "data/prepared")
    assert set(data.index.index) == {*FILES, *LABELS} == set(folds.read(labelled / "data/folds/folds.csv"))
    assert set(data.index["source"]) == {f"{name}.png" for name in (*FILES, *LABELS)}


def cells(table: str) -> list[list[str]]:
    with Path(table).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def guarded(name: str) -> str:
    """What the rule makes of a name, said here once more and by hand."""
    name = name.replace(";=", ";'=")
    return f"'{name}" if name[0] in "'=+-@\uff1d" else name


def is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell) is not None


@pytest.mark.parametrize("door", ["init", "convert"])
@pytest.mark.parametrize(
    ("label", "shown"),
    [
        pytest.param("cat\nerror: all is well", "cat\\nerror: all is well", id="a line end"),
        pytest.param("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07", id="escape sequences"),
        pytest.param("\ud800", "\\ud800", id="half a character"),
        pytest.param("cat\u2028=1+1", "cat\\u2028=1+1", id="a line end of Unicode's"),
    ],
)
def test_a_label_that_is_not_a_line_of_text(
    label: str, shown: str, door: str, project: Path, refused: Callable[..., str]
) -> None:
    own = hostile.labelme(project.parent / "own", {"a": label, "b": "cat"})
    set_params(data__source="labelme", data__path=str(own), data__labelme__classes=["background", "cat"])
    said = refused(segpipe, "init", str(own), "--in-place") if door == "init" else refused(stage(convert.main))
    assert f'error: shape 1 of a.json: a label with control characters ("{shown}")' in said


@pytest.mark.parametrize("door", ["init", "convert"])
@pytest.mark.parametrize(
    "name",
    [pytest.param(b"a\rb", id="a line end"), pytest.param(b"\x1b[2J", id="an escape"), pytest.param(b"caf\xe9", id="Latin-1")],
)
def test_a_file_name_that_is_not_a_line_of_text(name: bytes, door: str, project: Path, refused: Callable[..., str]) -> None:
    own = hostile.labelme(project.parent / "own", {os.fsdecode(name): "cat", "b": "cat"})
    set_params(data__source="labelme", data__path=str(own), data__labelme__classes=["background", "cat"])
    said = refused(segpipe, "init", str(own), "--in-place") if door == "init" else refused(stage(convert.main))
    assert "a name with control characters, or not in UTF-8. Rename the file." in said


@pytest.mark.parametrize("named", ["../../secret.png", "/etc/passwd", "..\\..\\secret.png", "C:\\secret.png", "x\0.png"])
def test_an_image_path_that_leads_elsewhere(named: str, project: Path, refused: Callable[..., str]) -> None:
    own = hostile.labelme(project / "deep" / "own", {"a": "cat", "b": "cat"}, imagePath=named)
    (own / "a.png").rename(project / "secret.png")
    set_params(data__source="labelme", data__path=str(own), data__labelme__classes=["background", "cat"])
    said = refused(stage(convert.main))
    assert "error: a.json: its image " in said
    assert "is not in the folder. Put the image beside the JSON file" in said


def test_class_names_of_a_list_and_of_params_that_are_not_lines_of_text(project: Path, refused: Callable[..., str]) -> None:
    own = hostile.labelme(project.parent / "own", {"a": "cat"})
    (own / "classes.txt").write_text("background\ncat\x1b[2J\n")
    assert '"cat\\x1b[2J" holds control characters' in refused(segpipe, "init", str(own), "--in-place")
    text = Path("params.yaml").read_text().replace("- object", '- "ob\\nject"', 1)
    Path("params.yaml").write_text(text)
    assert "data.labelme.classes: 'ob\\nject' holds control characters" in refused(stage(convert.main))


def test_a_pack_with_ids_of_any_kind_is_the_same_again(tmp_path: Path) -> None:
    flat = np.zeros((24, 32, 1), np.uint8)
    ids = ("=a", "'=a", "''b", "-1", "+1", "a;'b", "a\uff1db", "\uff1db", "@x;-y;'z")
    data = made(tmp_path, dict.fromkeys(ids, (flat, flat[:, :, 0])))
    assert sorted(data.index.index) == sorted(ids)
