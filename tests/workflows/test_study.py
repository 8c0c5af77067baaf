"""A study's arms run as experiments of DVC: named, kept, not run again, tolerant of failures, and resumed after a kill."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from segpipe.experiments import study_file, up_to_date
from segpipe.experiments.arms import arms
from segpipe.experiments.dvc_experiments import content_of, experiments
from segpipe.experiments.git_state import require_ready
from segpipe.storage.yaml_mapping import read as read_yaml
from tests.experiments.projects import commit, git, new_project, ran, start, study, write_study
from tests.torture.kills import children

DONE = ["dice-0.1-s0", "dice-0.7-s0"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which a study has run, whose second arm cannot."""
    folder = new_project(tmp_path_factory.mktemp("studies") / "project")
    file = write_study(folder, axis={"loss.dice_weight": [0.1, 0.9, 0.7]})
    done = study(folder, str(file))
    assert done.returncode == 2, done.stderr
    assert ran(folder) == ["dice-0.1-s0", "dice-0.9-s0", "dice-0.7-s0"]
    (folder / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change, whose study holds the two arms that can run; the working directory."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    (folder / "said.txt").unlink()
    write_study(folder)
    monkeypatch.chdir(folder)
    return folder


def kept() -> tuple[list[str], list[str]]:
    """The arms of the study that are done, and why others are not."""
    made = arms(study_file.read(Path("studies/dice.yaml")), read_yaml(Path("params.yaml")))
    own, reasons = up_to_date.kept(made, require_ready().commit)
    return list(own), list(reasons.values())


def test_arms_are_experiments_with_their_parameters_and_scores(project: Path) -> None:
    there = experiments()
    assert sorted(there) == DONE
    (experiment,) = there["dice-0.7-s0"]
    params = content_of(experiment.commit, Path("params.yaml"))
    assert (params["loss"]["dice_weight"], params["train"]["epochs"], params["train"]["seed"]) == (0.7, 4, 0)
    assert git(project, "log", "-1", "--format=%s", experiment.commit).strip() == "study dice, arm 0.7, seed 0"
    assert git(project, "status", "--porcelain", "--untracked-files=no") == ""


def test_a_failure_stops_no_other_and_says_why_at_the_end(finished: Path) -> None:
    said = (finished / "said.txt").read_text(encoding="utf-8")
    # By which MLflow puts its trainings below one run.
    assert (finished / "study.txt").read_text(encoding="utf-8").split() == ["dice"] * 3
    assert "dice-0.7-s0: test dice 0.7000" in said
    assert said.splitlines()[-3:] == [
        "error: of 3 arms 1 failed. The same command runs them again, and no other.",
        "error: dice-0.9-s0 (.resume/studies/dice/dice-0.9-s0.log):",
        "error:     loss.dice_weight: 0.9 never worked.",
    ]
    assert "Running stage 'second@0'" in (finished / ".resume/studies/dice/dice-0.9-s0.log").read_text(encoding="utf-8")


def test_what_is_done_is_not_run_again_also_after_a_commit(project: Path) -> None:
    (project / "README.md").write_text("Another sentence.", encoding="utf-8")
    commit(project)
    done = study(project, "studies/dice.yaml")
    assert done.returncode == 0 and ran(project) == []
    assert "Arms: 2, of which 2 done, 0 to run" in done.stdout and "result: 2 experiments" in done.stdout


def test_only_what_is_missing_runs_and_old_results_are_kept(project: Path) -> None:
    """Another learning rate in the base: both are other trainings; another seed's arm is new."""
    write_study(project, base={"loss": {"label_smoothing": 0.1}}, axis={"loss.dice_weight": [0.7]})
    old = experiments()["dice-0.7-s0"][0].commit
    done = study(project, "studies/dice.yaml")
    assert done.returncode == 0 and ran(project) == ["dice-0.7-s0"]
    assert "dice-0.7-s0 runs again: it was run with other loss.label_smoothing, train.epochs" in done.stdout
    assert experiments()[f"dice-0.7-s0-{old[:7]}"][0].commit == old


def test_other_parameters_code_data_or_a_lost_output_are_seen(project: Path) -> None:
    assert kept() == (DONE, [])
    write_study(project, base={"train.epochs": 5})
    assert kept() == ([], ["it was run with other train.epochs"] * 2)
    write_study(project, base={"train.epochs": 4, "runtime.workers": 7})
    assert kept() == (DONE, [])
    cache = Path(".dvc/cache/files/md5")
    lock = content_of(experiments()["dice-0.1-s0"][0].commit, Path("dvc.lock"))
    md5 = lock["stages"]["second@0"]["outs"][0]["md5"]
    inside = yaml.safe_load((cache / md5[:2] / md5[2:]).read_text(encoding="utf-8"))[0]["md5"]
    score = cache / inside[:2] / inside[2:]
    content = score.read_bytes()
    score.unlink()
    assert kept() == (DONE[1:], ["data/fold0 is not in DVC's cache any more"])
    score.parent.mkdir(exist_ok=True)
    score.write_bytes(content)
    (project / "second.py").write_text("# now otherwise\n", encoding="utf-8")
    commit(project)
    assert kept() == ([], ["second.py changed since"] * 2)


def test_an_earlier_commits_experiment_is_applied_by_its_name(project: Path) -> None:
    """And so it is after the arm has run again from another commit: a name is that of one experiment."""
    with (project / "second.py").open("a", encoding="utf-8") as stream:
        stream.write("# otherwise\n")
    write_study(project, axis={"loss.dice_weight": [0.7]})
    commit(project)
    for _ in range(2):
        applied = subprocess.run([sys.executable, "-m", "dvc", "exp", "apply", "dice-0.7-s0"], capture_output=True, check=False)
        assert applied.returncode == 0 and read_yaml(Path("params.yaml"))["loss"]["dice_weight"] == 0.7
        git(project, "reset", "--hard", "--quiet")
        git(project, "clean", "-fdq")
        done = study(project, "studies/dice.yaml")
        assert done.returncode == 0
    assert ran(project) == ["dice-0.7-s0"]
    assert len(experiments()["dice-0.7-s0"]) == 1


def test_dirty_trees_start_nothing(project: Path) -> None:
    (project / "params.yaml").write_text((project / "params.yaml").read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    done = study(project, "studies/dice.yaml")
    assert done.returncode == 2 and done.stderr.startswith("error: not committed: params.yaml. ")


def held(project: Path) -> "subprocess.Popen[str]":
    """A study of three arms whose second one waits in its training; the first is done already."""
    (project / "hold").touch()
    write_study(project, axis={"loss.dice_weight": [0.1, 0.4, 0.5]})
    running = start(project, "studies/dice.yaml")
    while "dice-0.4-s0" not in (project / "ran.txt").read_text(encoding="utf-8") if (project / "ran.txt").exists() else True:
        assert running.poll() is None
        time.sleep(0.02)
    return running


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_killed_study_leaves_nothing_running_and_goes_on(project: Path) -> None:
    running = held(project)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    wait_for_end(project, "dvc_child")
    (project / "hold").unlink()  # A one-liner does not look for its parent, as stages do.
    wait_for_end(project, "python")
    assert ran(project) == ["dice-0.4-s0"]
    done = study(project, "studies/dice.yaml")
    assert done.returncode == 0 and ran(project) == ["dice-0.4-s0", "dice-0.5-s0"]
    assert "dice-0.4-s0 was killed before it was done; its folder was removed" in done.stderr
    assert not [*Path(".dvc/tmp/exps/standalone").glob("tmp*")]


def wait_for_end(project: Path, program: str) -> None:
    """Until no other process than this one works in the project, or in a folder of an experiment, by such a command."""
    deadline = time.monotonic() + 20
    while still := [each for each in Path("/proc").glob("[0-9]*") if works_in(each, project, program)]:
        assert time.monotonic() < deadline, still
        time.sleep(0.05)


def works_in(process: Path, project: Path, program: str) -> bool:
    try:
        command = (process / "cmdline").read_text(encoding="utf-8")
        return int(process.name) != os.getpid() and program in command and (process / "cwd").readlink().is_relative_to(project)
    except OSError:
        return False  # gone, or not ours


def test_ctrl_c_stops_the_arm_and_no_other_begins(project: Path) -> None:
    running = held(project)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate()
    assert running.returncode == 130 and "the same command goes on from there" in err
    assert ran(project) == ["dice-0.4-s0"]
    assert require_ready().branch == "refs/heads/main" and not [*Path(".dvc/tmp/exps/standalone").glob("tmp*")]


@pytest.mark.slow
def test_kills_at_random_moments_lose_no_arm_and_leave_nothing(project: Path) -> None:
    """Of the study or of DVC, many of them while an experiment starts, when DVC has changed params.yaml and HEAD."""
    draws = random.Random(1)
    write_study(project, axis={"loss.dice_weight": [0.1, 0.2, 0.7]}, seeds=[0, 1])
    for _ in range(20):
        running = start(project, "studies/dice.yaml")
        time.sleep(draws.uniform(0.5, 5))
        if draws.random() < 0.5:
            for process in children(running.pid)[:1]:
                os.kill(process, signal.SIGKILL)
        running.kill()
        running.communicate()
    done = study(project, "studies/dice.yaml")
    assert done.returncode == 0, done.stderr
    assert len(kept()[0]) == 6
    assert require_ready().branch == "refs/heads/main" and not [*Path(".dvc/tmp/exps/standalone").glob("tmp*")]


@pytest.mark.slow
def test_dvc_runs_what_another_process_has_stashed(project: Path) -> None:
    """Why arms run one at a time. If this fails, DVC has changed, and several could run at once."""
    stash = "repo.experiments.queue_one(repo.experiments.tempdir_queue, params={'params.yaml': ['seed=7']}, name='other')"
    subprocess.run([sys.executable, "-c", f"from dvc.repo import Repo; repo = Repo(); {stash}"], check=True, capture_output=True)
    write_study(project, axis={"loss.dice_weight": [0.5]})
    assert study(project, "studies/dice.yaml").returncode == 0
    assert {"other", "dice-0.5-s0"} <= experiments().keys()


@pytest.mark.slow
def test_dvc_gc_takes_the_outputs_of_experiments(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "gc", "--workspace", "--force"], check=True, capture_output=True)
    done, reasons = kept()
    assert done == [] and all(reason.endswith("not in DVC's cache any more") for reason in reasons)
