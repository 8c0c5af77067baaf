"""What counts as a change of code, and which stage it concerns."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.acquire.examples.steps import NAMES as EXAMPLES
from segpipe.reproducibility.code_hash import (
    DECIDES_NO_BYTE,
    PACKAGES,
    VARIANTS,
    code_hashes,
    file_of,
    imported_by,
    templates,
    without_comments,
)
from tests.structure.imports import ROOT, ROOTS, modules

Hashes = dict[str, dict[str, str]]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages in a folder where they may be changed."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def roots(folder: Path) -> dict[str, Path]:
    return dict.fromkeys(PACKAGES, folder)


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def changed(before: Hashes, after: Hashes) -> set[str]:
    return {f"{room}.{name}" for room in after for name in after[room] if before[room].get(name) != after[room][name]}


def test_comments_docstrings_and_blank_lines_change_nothing(copy: Path) -> None:
    before = code_hashes(roots(copy))
    for name in modules():
        file = file_of(roots(copy), name)
        assert file
        path = copy / file
        text = path.read_text(encoding="utf-8").replace('"""', '"""Ümlaut: ', 1)
        path.write_text(f"{text}\n\n# the end\n", encoding="utf-8")
    assert code_hashes(roots(copy)) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "concerned"),
    [
        (
            "segpipe/losses/dice.py",
            "beta=0.5",
            "beta=0.6",
            {f"losses.{name}" for name in ("dice", "dice_bce", "dice_ce", "mix")},
        ),
        ("segpipe/models/resnet_unet.py", "(params.width, 5)", "(params.width, 6)", {"models.resnet_unet"}),
        (
            "segpipe/models/unet.py",
            "- 2\n",
            "- 3\n",
            {f"models.{name}" for name in ("unet", "simple_unet", "attention_unet", "unetpp")},
        ),
        ("segpipe/training/schedule.py", "0.5 *", "0.4 *", {"stages.sanity", "stages.train"}),
        ("segpipe/report/learning.py", "{of_part} scores", "{of_part} Scores", {"stages.report"}),
        ("segpipe/report/templates/page.html", "Segmentation report", "Report", {"stages.report"}),
        ("segpipe/report/templates/macros.html", "{# Small", "{# Little", {"stages.report"}),
        ("segpipe/report/templates/style.css", "15px", "16px", {"stages.report"}),
        ("segpipe/parity.py", "math.inf", "0.0", {"stages.export"}),
        ("segpipe/deployment/templates/model_card.md", "# Use", "# How", {"stages.export"}),
        # It is written out with its comments.
        ("segpipe/deployment/templates/predict.py", "# Those of the training", "# The training's", {"stages.export"}),
        ("segpipe/report/templates/images.js", "const ROWS = 100", "const ROWS = 50", {"stages.report"}),
        ("segpipe/acquire/voc_download.py", "2**32", "2**33", {"stages.download"}),
        ("segpipe/params/schema.py", "ge=10, le=20000", "ge=11, le=20000", set()),
        ("segpipe/params/architectures.py", "ARCHITECTURES = {", 'ARCHITECTURES = {"x": Architecture("X"),', {"stages.report"}),
    ],
)
def test_an_edit_concerns_those_who_run_it(copy: Path, file: str, old: str, new: str, concerned: set[str]) -> None:
    before = code_hashes(roots(copy))
    edit(copy, file, old, new)
    assert changed(before, code_hashes(roots(copy))) == concerned


def test_where_the_packages_lie_changes_nothing(copy: Path) -> None:
    before = code_hashes(roots(copy))
    (copy / "elsewhere").mkdir()
    (copy / "stages").rename(copy / "elsewhere/stages")
    (copy / "stages").mkdir()  # another package's, as an environment may hold it
    apart = {"segpipe": copy, "stages": copy / "elsewhere"}
    assert code_hashes(apart) == before
    edit(copy / "elsewhere", "stages/split.py", "main", "start")
    assert changed(before, code_hashes(apart)) == {"stages.split"}


def test_a_new_file_beside_the_old_concerns_nobody(copy: Path) -> None:
    before = code_hashes(roots(copy))
    (copy / "segpipe" / "losses" / "another.py").write_text("from segpipe.losses.dice import dice\n", encoding="utf-8")
    assert code_hashes(roots(copy)) == before


def test_a_new_template_concerns_the_report_and_an_editors_backup_nobody(copy: Path) -> None:
    before = code_hashes(roots(copy))
    folder = copy / "segpipe/report/templates"
    (folder / "page.html~").write_text("an earlier one", encoding="utf-8")
    assert code_hashes(roots(copy)) == before
    (folder / "another.html").write_text("", encoding="utf-8")
    assert changed(before, code_hashes(roots(copy))) == {"stages.report"}


def test_every_file_that_we_ship_and_is_no_python_is_hashed_or_known_to_decide_nothing() -> None:
    kept = {
        path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    others = {path.relative_to(ROOT).as_posix() for path in kept if path.suffix != ".py" or path.parent.name == "templates"}
    # Which folder is put on the path of programs that a stage starts; and what `segpipe example` types, which no stage reads.
    nothing = {"segpipe/own_path.pth", *(f"segpipe/acquire/examples/{name}.yaml" for name in EXAMPLES)}
    assert others - nothing == set(templates(ROOTS, [file for name in modules() if (file := file_of(ROOTS, name))]))


@pytest.mark.parametrize("room", VARIANTS)
def test_each_name_has_its_file(room: str) -> None:
    assert [name for name in VARIANTS[room] if not (ROOT / "segpipe" / room / f"{name}.py").is_file()] == []


def test_what_is_left_out_is_there_and_hands_nothing_on_that_counts() -> None:
    assert set(DECIDES_NO_BYTE) <= set(modules())
    # What they make of images, models and records goes to MLflow, the console, the log, a refusal or a folder that
    # `segpipe replay` looks into, and nowhere else.
    told = ("track_training", "watch_training", "out_of_memory", "keep_failed_step")
    # A notebook's way in leads to all of prediction, and no stage goes by it.
    others = set(DECIDES_NO_BYTE) - {f"segpipe.workflows.{name}" for name in told} - {"segpipe"}
    behind = {name for module in others for name in imported_by(ROOTS, module)}
    # MLflow's sample pictures are written, and params.yaml is read, the way all files are; the schema checks values by what
    # the records say.
    shared = {"segpipe.storage.files", "segpipe.storage.text_file", "segpipe.params.architectures"}
    assert behind - set(DECIDES_NO_BYTE) <= shared


def test_what_a_line_says_is_kept() -> None:
    source = 'x = "# no comment"  # a comment\n\ndef f():\n    """A docstring\n    of two lines."""\n    return "ü"  # ü\n'
    assert without_comments(source) == 'x = "# no comment"\ndef f():\n    return "ü"'


STATEMENTS = ["x = 1", "y = '#'", "z = '''a\n# b\n'''", "if x:\n    y = 2"]


@given(st.lists(st.sampled_from(STATEMENTS), max_size=6), st.integers(0, 6))
def test_a_comment_anywhere_between_statements_changes_nothing(statements: list[str], where: int) -> None:
    commented = [*statements[:where], "# a comment", "", *statements[where:]]
    assert without_comments("\n".join(commented) + "\n") == without_comments("\n".join(statements) + "\n")
