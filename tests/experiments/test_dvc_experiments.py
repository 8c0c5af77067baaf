"""DVC for a study: one at a time and asked to stop, also where the system lacks groups of processes and locks of open files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from segpipe.experiments import dvc_experiments
from segpipe.storage import lock

SLEEPS = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
print("started", flush=True)
time.sleep(60)
"""


def started() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", SLEEPS], stdout=subprocess.PIPE, process_group=0)
    assert process.stdout and process.stdout.readline()
    return process


def test_it_is_asked_as_by_ctrl_c() -> None:
    process = started()
    dvc_experiments._ask_to_stop(process)
    assert process.wait(10) == 7


def test_without_groups_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    process = started()
    dvc_experiments._ask_to_stop(process)
    assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("with_descriptors", [True, False])
def test_one_at_a_time(with_descriptors: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lock, "HAS_DESCRIPTOR_LOCKS", with_descriptors)
    other = "from segpipe.experiments import dvc_experiments as it\nwith it.held(): print('inside', flush=True)"
    if not with_descriptors:
        other = f"from segpipe.storage import lock; lock.HAS_DESCRIPTOR_LOCKS = False\n{other}"
    with dvc_experiments.held() as descriptors:
        assert len(descriptors) == with_descriptors
        second = subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1.5)
    assert second.communicate(timeout=20)[0] == b"inside\n"
