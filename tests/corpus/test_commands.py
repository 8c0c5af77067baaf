"""The whole corpus through the commands: every mistake ends in sentences and exit code 2, and `--fix` mends what it says."""

import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.cli.convert import convert
from segpipe.cli.init import init
from segpipe.console import command
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from tests.corpus import test_coco, test_kinds, test_labelme, test_masks, test_voc, test_yolo
from tests.corpus.case import Case, parameters

OWN = Path(__file__).parents[2]
MODULES = (test_coco, test_kinds, test_labelme, test_masks, test_voc, test_yolo)
CASES = [case for module in MODULES for case in module.CASES]
BROKEN = [case for case in CASES if case.is_broken]
SOME = [*BROKEN, *[case for case in CASES if not case.is_broken][::8]]
SINGLE = (
    ("labelme", "image without annotation"),
    ("labelme", "same picture, other shapes"),
    ("labelme", "blanks around a label"),
    ("labelme", "embedded"),
    ("masks", "image without mask"),
    ("masks", "masks by another template"),
    ("masks", "masks of another case"),
    ("masks", "0 and 255"),
    ("masks", "colours"),
    ("masks", "255 and no 65535"),
    ("coco", "image not in the file"),
    ("coco", "compressed run lengths"),
    ("yolo", "image without label file"),
    ("yolo", "no data.yaml and a third id"),
    ("voc", "colours"),
    ("voc", "id in no list"),
)
"""Cases that `segpipe init --fix` brings in."""


ASKED = {"data.unannotated:", "data.pages:"}
"""Keys that looking at a folder does not set, so that the command must be told."""


def names(case: Case) -> str:
    return f"{case.source}: {case.name}"


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(BROKEN) >= 100
    assert sum(case.is_mended for case in CASES) >= 30
    assert sum(not case.is_broken for case in CASES) >= 70
    assert max(Counter(map(names, CASES)).values()) == 1
    assert {case.source for case in BROKEN} == {"labelme", "masks", "coco", "yolo", "voc"}


@pytest.mark.parametrize("case", SOME, ids=names)
def test_convert_ends_in_sentences_or_in_folders(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "x", tmp_path / "out"
    parameters(case, root)
    before = sorted(tmp_path.rglob("*"))
    app = command.new_app()
    app.command()(convert)
    monkeypatch.setattr("sys.argv", ["convert", str(root), "--source", case.source, "--out", str(out), "--unpack"])
    with pytest.raises(SystemExit) as ended:
        command.run_app(app)
    told = capsys.readouterr()
    if ended.value.code:
        assert ended.value.code == 2
        assert all(line.startswith(("error: ", "warning: ")) for line in told.err.splitlines() if "%" not in line)
        assert sorted(tmp_path.rglob("*")) == before
    else:
        images, masks = (
            {path.relative_to(out / name).stem for path in (out / name).rglob("*.*")} for name in ("images", "masks")
        )
        assert images == masks != set()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_mended and ASKED.intersection(case.errors.split())], ids=names
)
def test_convert_says_what_to_add_to_the_command(case: Case, tmp_path: Path) -> None:
    root = tmp_path / "x"
    parameters(case, root)
    with pytest.raises(PipelineError) as caught:
        convert(root, tmp_path / "out", source=case.source)  # type: ignore[arg-type]
    (hint,) = [line for line in str(caught.value).splitlines() if " -S " in line]
    options = [word for word in shlex.split(hint.partition(": ")[2]) if word != "-S"]
    convert(root, tmp_path / "out", source=case.source, set_=options)  # type: ignore[arg-type]
    assert (tmp_path / "out/index.csv").is_file()


@pytest.mark.parametrize("key", SINGLE, ids=": ".join)
@pytest.mark.usefixtures("project", "without_dvc")
def test_init_brings_in_what_it_can_mend(key: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segpipe.workflows.split_groups.refuse_too_few", lambda *_: None)  # most sets are of one image or two
    (case,) = (case for case in CASES if (case.source, case.name) == key)
    parameters(case, tmp_path / "mine")
    init(str(tmp_path / "mine"), kind=case.source, fix=True)  # type: ignore[arg-type]
    data = load_params(Path("params.yaml")).data
    assert (data.source, data.path) == (case.source, "data/source")

    from segpipe.annotations.convert import convert as stage

    examination, _ = stage(data, (), tmp_path / "spool")
    assert case.masks
    assert [record.id for record in examination.records] == sorted(case.masks)


@pytest.mark.parametrize("case", BROKEN, ids=names)
@pytest.mark.usefixtures("project", "without_dvc")
def test_init_never_fails_otherwise(case: Case, tmp_path: Path) -> None:
    parameters(case, tmp_path / "mine")
    before = Path("params.yaml").read_text()
    try:
        init(str(tmp_path / "mine"), kind=case.source)  # type: ignore[arg-type]
    except PipelineError:
        assert Path("params.yaml").read_text() == before
        assert not Path("data").exists()


@pytest.mark.usefixtures("without_dvc")
def test_labels_in_two_spellings_become_one_class(project: Path, tmp_path: Path) -> None:
    for name, label in (("a", "cat"), ("b", "cat"), ("c", "Cat")):
        test_labelme.labelme(tmp_path / "mine" / name, test_labelme.shape(label))
    init(str(tmp_path / "mine"), in_place=True)
    assert load_params(Path("params.yaml")).data.class_map == {}
    init(str(tmp_path / "mine"), in_place=True, fix=True)
    data = load_params(Path("params.yaml")).data
    assert dict(data.class_map) == {"Cat": "cat"}
    assert "  class_map:              # old name: new name" in (project / "params.yaml").read_text()


@pytest.mark.usefixtures("without_dvc")
def test_images_smaller_than_the_crop_lower_it(project: Path, tmp_path: Path) -> None:
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        for folder, pixels in (("images", values), ("masks", values[..., 0] % 2)):
            path = tmp_path / "mine" / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    init(str(tmp_path / "mine"), in_place=True)
    assert load_params(project / "params.yaml").input.crop == 32
