"""What the other how-to pages show is run here, command by command, in one project of the small task."""

import json
import shutil
from pathlib import Path

import pytest

from tests.pages import executed
from tests.pipeline import conftest, shown
from tests.pipeline.conftest import git
from tests.pipeline.shown import Done

pytestmark = pytest.mark.slow

ONE_EPOCH = "sed -i 's/^  epochs: [0-9]*/  epochs: 1/' params.yaml"
ONNX, TORCH = "models/export/model.onnx", "models/fold0/model.safetensors"
RESULTS = "git add code.json dvc.lock kept_folds.csv metrics"
STANDS_FOR = {
    "make ui": "make --dry-run ui",  # A server.
    # All architectures take half a minute; the slow tests of the command have them.
    "segpipe models": (
        'python -c "import sys; from segpipe.cli.main import entry; from segpipe.models import table; '
        "table.MODELS = ('unet', 'simple_unet'); sys.argv[1:] = ['models']; entry()\""
    ),
    "segpipe models --memory 8": "segpipe models simple_unet --memory 8",
    "segpipe predict 'scans/**/*.tif' one.png --folds": "segpipe predict 'scans/**/*01.png' one.png --folds",
    "segpipe predict scans --model A.onnx --model B.safetensors": f"segpipe predict scans --model {ONNX} --model {TORCH}",
    f"segpipe predict IMAGES --model {ONNX}": f"segpipe predict scans --model {ONNX}",
    "python models/export/predict.py IMAGE MASK.png": "python models/export/predict.py one.png mask.png",
    # So few images have no tenth; what is measured is the same.
    "segpipe curve --fold 1 --shares 0.1,0.3,1": "segpipe curve --fold 1 --shares 0.5,1",
    "segpipe init PATH": f"segpipe init elsewhere && {ONE_EPOCH}",
    "segpipe init PATH --fix": f"segpipe init elsewhere --fix && {ONE_EPOCH}",
    "segpipe init PATH --minutes 30": f"segpipe init elsewhere --minutes 30 && {ONE_EPOCH}",
    "segpipe convert SRC --out DIR": "segpipe convert elsewhere --out packed",
    "segpipe convert SRC --out DIR --unpack": "segpipe convert elsewhere --out plain --unpack",
    "segpipe convert SRC --source labelme --classes labels.txt --out DIR -S data.shapes.fill=exact": (
        "segpipe convert elsewhere --source labelme --classes labels.txt --out exact -S data.shapes.fill=exact"
    ),
    "segpipe convert SRC --kind masks --image-dir photos --mask-dir gt --out DIR": (
        "mkdir named && cp -r plain/images named/photos && cp -r plain/masks named/gt && "
        "segpipe convert named --kind masks --image-dir photos --mask-dir gt --out renamed"
    ),
    "segpipe unpack DIR": "segpipe unpack unpacked",
    f'{RESULTS} && git commit -m "A first model"': f'{RESULTS} && git commit --allow-empty -m "A first model"',
}
SMALLER = "sed -i -e 's/dice_weight: .*/dice_weight: [0.3, 0.7]/' -e 's/^seeds: .*/seeds: [0, 1]/' studies/dice_weight.yaml"
BACK = "git checkout --quiet . && dvc checkout --quiet"
BEFORE = {
    "docs/how-to/run-it-again.md": BACK,
    "docs/how-to/profile-a-training.md": BACK,
    "docs/explanation/private.md": BACK,
    "docs/how-to/bring-your-data.md": BACK,
    "docs/how-to/run-a-study.md": f"{SMALLER} && git commit --quiet --all -m 'A smaller study'",
}
"""What a reader would have done between two pages: experiments leave their results in the project."""


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which all has run, with images and annotations beside it."""
    folder = conftest.clone(repository, repository, tmp_path_factory.mktemp("pages") / "clone")
    raw = repository / "data" / "raw"
    shutil.copytree(raw, folder / "elsewhere")
    shutil.copytree(raw, folder / "scans", ignore=shutil.ignore_patterns("*.json"))
    shutil.copy(raw / "image0000.png", folder / "one.png")
    classes = json.loads((repository / "data/prepared/dataset.json").read_text(encoding="utf-8"))["classes"]
    (folder / "labels.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(project: Path) -> list[Done]:
    """All commands of the pages, one after the other."""
    return shown.run(project, executed.ALONE, STANDS_FOR, BEFORE)


def test_what_stands_for_a_command_still_does() -> None:
    assert {command for _, command in shown.commands(executed.ALONE)} >= STANDS_FOR.keys()


def test_every_command_of_the_pages_works(done: list[Done]) -> None:
    assert shown.failures(done) == {}


def test_verify_ends_in_one_of_three_words(done: list[Done]) -> None:
    (same,) = (each.result for each in done if each.command == "segpipe verify")
    assert "result: same: also as models/fold0/model.safetensors" in same.stdout, same.stderr


def test_the_script_predicts_what_segpipe_predicts(project: Path, done: list[Done]) -> None:
    assert done
    assert (project / "mask.png").is_file()
    assert (project / "predictions/masks/image0000.png").is_file()


def test_the_study_has_its_page_and_its_arm_was_taken(repository: Path, tmp_path: Path) -> None:
    clone = conftest.clone(repository, repository, tmp_path / "clone")
    done = shown.run(clone, executed.STUDY, {}, BEFORE)
    assert shown.failures(done) == {}
    assert (clone / "metrics/studies/dice_weight/index.html").is_file()
    assert "dice_weight: 0.7" in (clone / "params.yaml").read_text(encoding="utf-8")


def test_plain_folders_are_read_again(project: Path, done: list[Done]) -> None:
    assert done
    assert len(list((project / "plain/images").iterdir())) == len(list((project / "unpacked/images").iterdir())) == 16
    assert "renamed" in {folder.name for folder in project.iterdir()}
    assert "data/source.dvc" in git(project, "ls-files")
