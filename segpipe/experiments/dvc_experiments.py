"""DVC's experiments: where they are kept in Git, what they hold, and how one is run. No other file starts DVC for them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segpipe.console.stop_signals import StopRequest
from segpipe.errors import PipelineError
from segpipe.experiments.git_state import git
from segpipe.storage import lock
from segpipe.storage.workspace import STUDY

RUNNING = Path(".resume/study-dvc.lock")
REFS = "refs/exps"
REF = re.compile(rf"{REFS}/([0-9a-f]{{2}})/([0-9a-f]{{38}})/([^/]+)")
POLL_S = 0.2


@dataclass(frozen=True)
class Experiment:
    """A finished experiment: the commit with its parameters and metrics, and the commit that it started from."""

    name: str
    baseline: str
    commit: str

    @property
    def ref(self) -> str:
        """Where Git keeps it."""
        return f"{REFS}/{self.baseline[:2]}/{self.baseline[2:]}/{self.name}"


def experiments() -> dict[str, list[Experiment]]:
    """All finished experiments by name, of any commit, the latest first."""
    found: dict[str, list[Experiment]] = {}
    answer = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)=%(refname)", REFS)
    for commit, ref in (line.split("=", 1) for line in answer.splitlines()):
        if match := REF.fullmatch(ref):
            found.setdefault(match[3], []).append(Experiment(match[3], match[1] + match[2], commit))
    return found


def content_of(commit: str, path: Path) -> Any:
    """What a YAML or JSON file held in a commit; None where it is not there or cannot be read."""
    try:
        text = git("show", f"{commit}:{path.as_posix()}")
        # DVC's lock file is long, and read by the hundred.
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (PipelineError, yaml.YAMLError):
        return None


def set_aside(experiment: Experiment) -> str:
    """Gives an experiment another name, by its commit, so that its own is free; returns it. Nothing of it is lost."""
    kept = Experiment(f"{experiment.name}-{experiment.commit[:7]}", experiment.baseline, experiment.commit)
    git("update-ref", kept.ref, experiment.commit)
    git("update-ref", "-d", experiment.ref, experiment.commit)
    return kept.name


@contextlib.contextmanager
def held() -> Iterator[tuple[int, ...]]:
    """Waits until no DVC of a study runs here, also one whose study was killed; gives the descriptor that holds others off.

    The lock is of the open file: a process that gets the descriptor holds it as well, to its end, whatever ends it. Where the
    system has no such lock (Windows), this process holds one alone, and there is no descriptor.
    """
    if not lock.HAS_DESCRIPTOR_LOCKS:
        with lock.exclusive(RUNNING, "DVC for a study"):
            yield ()
        return
    RUNNING.parent.mkdir(parents=True, exist_ok=True)
    with RUNNING.open("ab") as stream:
        lock.lock_descriptor(stream.fileno(), wait=True)
        yield (stream.fileno(),)


def run(name: str, options: Sequence[str], message: str, study: str, log: Path, request: StopRequest) -> int:
    """Runs an experiment in a folder of its own and waits for it; all it prints goes to `log`. Returns DVC's exit code.

    Its trainings know that they are of the `study`. A signal that `request` receives is handed on, once, so that the training
    saves its state.
    """
    arguments = ["exp", "run", "--temp", "--name", name, "--message", message]
    arguments += [part for option in options for part in ("--set-param", option)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream, held() as descriptors:
        # A group of its own: Ctrl-C in a terminal would come to DVC twice, and to DVC while it changes params.yaml.
        process = subprocess.Popen(
            command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment() | {STUDY: study},
            process_group=0,
            pass_fds=descriptors,
        )
        told = False
        while True:
            try:
                return process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                if request.number and not told:
                    told = True
                    _ask_to_stop(process)


def _ask_to_stop(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C in a terminal of its own. Without groups (Windows) DVC ends at once, and its stage by `parent_watch`, saving."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()


def cache_folder() -> Path:
    """Where DVC keeps the outputs by their hash. Raises PipelineError with DVC's words where it does not say."""
    done = subprocess.run(command(["cache", "dir"]), capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise PipelineError(f"dvc cache dir: {done.stderr.strip().splitlines()[-1]}")
    return Path(done.stdout.strip()) / "files" / "md5"


def command(arguments: Sequence[str]) -> list[str]:
    """By this Python, not by a `dvc` that happens to be on the PATH."""
    return [sys.executable, "-m", "segpipe.experiments.dvc_child", str(os.getpid()), *arguments]


def environment() -> dict[str, str]:
    """Stages find this Python first, too."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
