"""A stage whose dvc is gone ends by itself, also behind a shell; one whose dvc lives goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segpipe.console import parent_watch
from tests.structure.imports import ROOT

STAGE = (
    "import time; from segpipe.console import parent_watch; parent_watch.end_with_dvc(); "
    "print('started', flush=True); time.sleep({seconds})"
)
LISTENS = """
import pathlib, time
from segpipe.console import parent_watch, stop_signals
parent_watch.end_with_dvc()
with stop_signals.listening() as request:
    print("started", flush=True)
    while not request.number:
        time.sleep(0.05)
    pathlib.Path({file!r}).write_text("saved")
"""
DVC = """
import shlex, subprocess, sys
stage = {stage!r}
shell = {shell!r}
command = [sys.executable, "-c", stage]
subprocess.run([*shell, shlex.join(command)] if shell else command)
"""

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def started(shell: list[str], seconds: float, stage: str = "", **environment: str) -> "tuple[subprocess.Popen[str], int]":
    """A process that stands for dvc, and the number of its stage's process."""
    code = DVC.format(shell=shell, stage=stage or STAGE.format(seconds=seconds))
    dvc = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    assert dvc.stdout
    assert dvc.stdout.readline() == "started\n"
    below = dvc.pid
    while children := Path(f"/proc/{below}/task/{below}/children").read_text().split():
        below = int(children[0])
    return dvc, below


def gone(process: int, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@linux
@pytest.mark.parametrize("shell", [[], ["sh", "-c"], ["bash", "-c"]])
def test_it_ends_soon_after_dvc(shell: list[str]) -> None:
    dvc, stage = started(shell, 60, DVC_STAGE="train")
    dvc.kill()
    dvc.wait()
    assert gone(stage, 5.0)


@linux
def test_who_listens_to_signals_is_asked_and_given_time(tmp_path: Path) -> None:
    file = tmp_path / "state"
    dvc, stage = started([], 60, LISTENS.format(file=str(file)), DVC_STAGE="train")
    dvc.kill()
    dvc.wait()
    assert gone(stage, 5.0)
    assert file.read_text() == "saved"


@linux
def test_by_hand_it_goes_on() -> None:
    environment = {name: "" for name in ("DVC_STAGE",) if name in os.environ}
    assert not environment, "this test is not for a stage"
    dvc, stage = started([], 60)
    dvc.kill()
    dvc.wait()
    try:
        assert not gone(stage, 1.5)
    finally:
        os.kill(stage, signal.SIGKILL)


@linux
def test_under_a_living_dvc_it_works_to_its_end() -> None:
    dvc, _ = started(["sh", "-c"], 1.5, DVC_STAGE="train")
    assert dvc.wait(20) == 0


def test_the_chain_ends_at_the_first_that_is_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = {5: (4, "sh"), 4: (3, "bash"), 3: (2, "dvc"), 2: (1, "bash")}
    monkeypatch.setattr(parent_watch, "_parent", parents.__getitem__)
    assert parent_watch.ancestors(5) == [(4, "sh"), (3, "bash"), (2, "dvc")]


@pytest.mark.parametrize(
    ("first", "orphan"), [("systemd", True), ("init", True), ("dvc", False), ("python3.11", False), ("", False)]
)
def test_a_stage_that_starts_as_an_orphan_is_seen(first: str, orphan: bool) -> None:
    assert parent_watch._is_orphan([(4, "sh"), (1, first)]) == orphan


def no_proc(process: int) -> tuple[str, list[str]]:
    raise FileNotFoundError(process)


def test_without_proc_psutil_knows_the_same_ancestors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows; here both can be asked."""
    known = parent_watch.ancestors(os.getpid())
    monkeypatch.setattr(parent_watch, "_stat", no_proc)
    assert parent_watch.ancestors(os.getpid()) == known
    assert parent_watch._parent(2**22 + 1) == (os.getppid(), "")


def test_where_signal_0_is_no_question_psutil_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows `os.kill(process, 0)` is a Ctrl-C for all that share the console."""
    import psutil

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    asked: list[int] = []

    class Asked:
        @staticmethod
        def pid_exists(process: int) -> bool:
            asked.append(process)
            return psutil.pid_exists(process)

    monkeypatch.setattr(parent_watch, "_psutil", lambda: Asked)
    monkeypatch.setattr(sys, "platform", "win32")
    assert parent_watch._exists(child.pid)
    child.communicate()
    assert not parent_watch._exists(child.pid)
    assert asked == [child.pid] * 2
