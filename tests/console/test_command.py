"""Commands end in one sentence and a code: 2 for the user's mistake, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.imports import ROOT

SCRIPT = """
import sys
from segpipe.console import command
from segpipe.errors import PipelineError
def main(how: str) -> None:
    '''Does as told.'''
    if how == "mistake":
        raise PipelineError("one\\ntwo")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "full":
        raise OSError(28, "No space left on device", "data/raw/a.png")
    if how == "bug":
        raise OSError(9, "Bad file descriptor")
    command.done("here", "there")
command.run(main)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_mistake_is_told_line_by_line() -> None:
    result = run("mistake")
    assert (result.returncode, result.stderr) == (2, "error: one\nerror: two\n")


def test_a_full_disk_is_a_sentence_and_a_bug_is_not_hidden() -> None:
    result = run("full")
    sentence = "error: data/raw/a.png: No space left on device. Free space or mend the rights, then run this again.\n"
    assert (result.returncode, result.stderr) == (2, sentence)
    assert "Traceback" in run("bug").stderr


def test_an_interrupt_exits_like_one() -> None:
    assert run("interrupt").returncode == 130


def test_the_last_lines_tell_the_result_and_what_is_next() -> None:
    assert run("well").stdout == "result: here\nnext:   there\n"


@pytest.mark.parametrize("stage", ["download", "convert", "split", "train", "evaluate", "export", "report"])
def test_each_stage_explains_itself(stage: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "--help"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert result.returncode == 0
    assert "Usage" in result.stdout


def test_a_stage_without_params_says_so(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "stages.split"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("error: params.yaml: no such file.")
