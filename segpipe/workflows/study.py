"""Runs the arms of a study as DVC experiments, one after another; those that are done are not run again.

One at a time, since two `dvc exp run` take their work from one stash: the one that ends would run what the other has begun.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe import paths
from segpipe.console import progress, stop_signals
from segpipe.console.stop_signals import Stopped, StopRequest
from segpipe.errors import PipelineError, plain
from segpipe.experiments import dvc_experiments, git_state, killed_arm, study_file, up_to_date
from segpipe.experiments.arms import Arm, arms
from segpipe.experiments.dvc_experiments import Experiment
from segpipe.experiments.git_state import Head
from segpipe.experiments.study_file import Study
from segpipe.storage import lock
from segpipe.storage.yaml_mapping import read as read_yaml

LOCK = Path(".resume/study.lock")
LOGS = Path(".resume/studies")
LAST_LINES = 5
"""Of a failed arm's log that are shown."""


@dataclass(frozen=True)
class Failure:
    """An arm that gave no experiment, why, and where all of it stands."""

    arm: Arm
    reason: list[str]
    log: Path


def run(file: Path) -> tuple[str, str]:
    """Runs every arm of the study that is not done; returns what there is then, and what to run next.

    A failed arm stops no other. Raises PipelineError for a file, a project or a Git that will not do, before anything runs, and
    at the end where arms failed.
    """
    study = study_file.read(file)
    with lock.exclusive(LOCK, "segpipe study run"), stop_signals.listening() as request:
        # First of all: a start that was killed has left its arm's values in params.yaml.
        _say(killed_arm.mend())
        made = arms(study, read_yaml(paths.PARAMS))
        head = git_state.require_ready()
        _say(git_state.not_taken_along(file.as_posix()))
        kept, reasons = up_to_date.kept(made, head.commit)
        for name, reason in reasons.items():
            print(f"{name} runs again: {reason}", flush=True)
        missing = [arm for arm in made if arm.name not in kept]
        print(
            f"{study.title} Arms: {len(made)}, of which {len(kept)} done, {len(missing)} to run ({LOGS / study.name})", flush=True
        )
        failures = _run_all(study, missing, head, request)
    if failures:
        raise PipelineError(_told(failures, len(made)))
    names = made[0].name if len(made) == 1 else f"{len(made)} experiments, {made[0].name} .. {made[-1].name}"
    return names, f"segpipe study report {file}"


def _run_all(study: Study, missing: Sequence[Arm], head: Head, request: StopRequest) -> list[Failure]:
    failures = []
    for arm in progress.track(missing, study.name):
        if request.number:
            raise _stopped(request)
        _require_unchanged(head)
        start = time.monotonic()
        failure = _run(study, arm, head, request)
        if failure:
            failures.append(failure)
        outcome = f"failed ({failure.log})" if failure else _score(study, arm, head)
        print(f"{arm.name}: {outcome}, {_long(time.monotonic() - start)}", flush=True)
    return failures


def _run(study: Study, arm: Arm, head: Head, request: StopRequest) -> Failure | None:
    """Runs an arm; None where its experiment is there then. Raises Stopped where a signal came."""
    log = LOGS / study.name / f"{arm.name}.log"
    before = dvc_experiments.experiments().get(arm.name, [])
    for old in before:
        if old.baseline == head.commit:
            print(f"{old.name} was another training: it is kept as {dvc_experiments.set_aside(old)}", flush=True)
    killed_arm.note(arm, head)
    message = f"study {study.name}, arm {arm.label}, seed {arm.seed}"
    code = dvc_experiments.run(arm.name, arm.options, message, study.name, log, request)
    _say(killed_arm.mend())
    if request.number:
        raise _stopped(request)
    if code or _own(arm, head) is None:
        return Failure(arm, _reason(log, code), log)
    for old in before:
        if old.baseline != head.commit:
            # DVC would not know which of two of one name is meant.
            print(f"{old.name} of an earlier commit is kept as {dvc_experiments.set_aside(old)}", flush=True)
    return None


def _own(arm: Arm, head: Head) -> Experiment | None:
    found = dvc_experiments.experiments().get(arm.name, [])
    return next((each for each in found if each.baseline == head.commit), None)


def _require_unchanged(head: Head) -> None:
    """Raises PipelineError where the next arm would start from something else than the first."""
    now = git_state.require_ready()
    if now.commit != head.commit:
        raise PipelineError(
            f"HEAD was {head.commit[:7]} when the study began and is {now.commit[:7]} now. Run the same command again: arms that "
            "your commits did not change are not run again."
        )


def _score(study: Study, arm: Arm, head: Head) -> str:
    own = _own(arm, head)
    summary = dvc_experiments.content_of(own.commit, paths.SUMMARY) if own else None
    value = summary.get(study.part, {}).get(study.score) if isinstance(summary, dict) else None
    return f"{study.part} {study.score} {value:.4f}" if isinstance(value, int | float) else f"no {study.part} {study.score}"


def _reason(log: Path, code: int) -> list[str]:
    """The last lines of an arm's log that say something, our own errors before DVC's."""
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines)[-LAST_LINES:] or [f"DVC ended with exit code {code} and said nothing"]


def _told(failures: Sequence[Failure], n_arms: int) -> str:
    lines = [f"of {n_arms} arms {len(failures)} failed. The same command runs them again, and no other."]
    for failure in failures:
        lines += [f"{failure.arm.name} ({failure.log}):", *(f"    {plain(line)}" for line in failure.reason)]
    return "\n".join(lines)


def _stopped(request: StopRequest) -> Stopped:
    print("stopped: the arms that are done are kept, and the same command goes on from there", file=sys.stderr, flush=True)
    return Stopped(request.number)


def _say(sentence: str) -> None:
    if sentence:
        print(sentence, file=sys.stderr, flush=True)


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
