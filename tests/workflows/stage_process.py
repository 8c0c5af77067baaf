"""Stage train in a process of its own, for tests that stop or kill it."""

import os
import subprocess
import sys

from tests.structure.imports import ROOT


def train_one_epoch() -> tuple[subprocess.Popen[str], str]:
    """The process that trains fold 0 of the current folder, right after its first epoch, and what it said before that.

    It is the first of a process group of its own, with the loader's workers.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "--fold", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert process.stdout and process.stderr
    said = ""
    while not (line := process.stdout.readline()).startswith("epoch "):
        assert line, process.stderr.read()
        said += line
    return process, said
