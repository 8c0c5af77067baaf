"""Six SIGKILLs at random moments, two of them inside a state's write, and the same command again: the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.conftest import dvc, git, new_repository, set_params
from tests.pipeline.test_repro import with_cache
from tests.torture import kills_together
from tests.torture.kills import children, environment, is_stage, start, temporary_states, torture

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the stage's process in /proc")


def test_six_kills_change_no_byte(repository: Path, tmp_path: Path) -> None:
    tally = torture(repository, tmp_path, kills=6, in_state=2, seed=1, longest_s=8.0)
    assert sum(tally.kills.values()) == 6
    assert tally.in_state == 2
    assert tally.resumed >= 1


@pytest.mark.slow
def test_kills_of_a_training_by_two_processes_change_no_byte(tmp_path: Path) -> None:
    tally = kills_together.torture(kills_together.trained_by_one(tmp_path / "reference"), tmp_path, kills=4, seed=1)
    assert sorted(tally.kills) == sorted(kills_together.VICTIMS)
    assert tally.sentences == tally.kills["rank"]


@pytest.mark.slow
def test_an_experiment_in_a_temporary_workspace_goes_on_too(repository: Path, tmp_path: Path) -> None:
    """Its folder is gone after the kill, so the state must lie in the main repository."""
    clone = with_cache(repository, tmp_path / "clone")
    killed = start(clone, subprocess.DEVNULL, "exp", "run", "--temp", "-S", "seed=7", "--name", "kept")
    while len(set(states(clone))) < 2 and killed.poll() is None:
        time.sleep(0.002)
    assert killed.poll() is None, "it was over before it could be killed"
    stages = [process for process in children(killed.pid) if is_stage(process)]
    for process in (*stages, killed.pid):
        os.kill(process, signal.SIGKILL)
    killed.wait()
    again = dvc(clone, "exp", "run", "--temp", "-S", "seed=7", "--name", "kept")
    assert "goes on at epoch" in again.stdout
    dvc(clone, "exp", "apply", "kept")
    whole = new_repository(tmp_path / "whole")
    set_params(whole, {"seed": 7})
    dvc(whole, "repro")
    name = "models/fold0/model.safetensors"
    assert (clone / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_a_changed_parameter_starts_anew_and_says_which(repository: Path, tmp_path: Path) -> None:
    clone = with_cache(repository, tmp_path / "clone")
    set_params(clone, {"optim": {"lr": 0.003}})
    killed = start(clone, subprocess.DEVNULL, "repro", "train")
    while not states(clone) and killed.poll() is None:
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    set_params(clone, {"optim": {"lr": 0.004}})
    assert "starts anew: the training that was interrupted differs in optim.lr" in dvc(clone, "repro", "train").stdout
    git(clone, "checkout", "--quiet", "params.yaml")


@pytest.mark.slow
def test_a_queued_experiment_goes_on_too(repository: Path, tmp_path: Path) -> None:
    clone = with_cache(repository, tmp_path / "clone")
    for name in ("first", "again"):
        dvc(clone, "exp", "run", "--queue", "-S", "seed=8", "--name", name)
        # The worker goes on in the background; with a pipe to write to, it would be waited for.
        command = [sys.executable, "-m", "dvc", "queue", "start"]
        subprocess.run(command, cwd=clone, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        if name == "first":
            while len(set(states(clone))) < 2:
                time.sleep(0.002)
            os.kill(trainer(clone), signal.SIGKILL)
        while "Running" in (status := dvc(clone, "queue", "status").stdout) or "Queued" in status:
            time.sleep(0.5)
    assert [line.split()[-1] for line in status.splitlines() if "again" in line] == ["Success"], status
    assert "goes on at epoch" in dvc(clone, "queue", "logs", "again").stdout
    dvc(clone, "exp", "apply", "again")
    whole = new_repository(tmp_path / "whole")
    set_params(whole, {"seed": 8})
    dvc(whole, "repro")
    name = "models/fold0/model.safetensors"
    assert (clone / name).read_bytes() == (whole / name).read_bytes()


def trainer(folder: Path) -> int:
    """The process of the training whose states lie in this repository."""
    holder = next((folder / ".resume").glob("train-*.holder"))
    return int(holder.read_text(encoding="utf-8").split()[1])


def states(folder: Path) -> list[str]:
    return [str(path) for path in (folder / ".resume").glob("train-*/*.state")] + temporary_states(folder)
