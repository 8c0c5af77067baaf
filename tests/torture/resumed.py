"""A training with averaged weights, accumulated gradients, snapshots, sparse validation and bf16, killed again and again at
its batches: one hash each time, whether the loader changes its images or the device on which it trains, and in two processes
that of one.

python -m tests.torture.resumed prints the hash of the weights for each number of saved states between two kills.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.pipeline.conftest import new_repository, set_params

PARAMS = {
    "train": {
        "epochs": 5,
        # As many as a pass has, of full batches, so that passes end inside epochs.
        "steps_per_epoch": 3,
        "precision": "bf16",
        "validate_every": 2,
        "validate_images": 3,
        "ema": 0.9,
        "accumulate": 2,
        "save_top_k": 2,
        "snapshot_every": 2,
    },
    # A state after each batch and each epoch: any of them may be the one that a kill leaves.
    "runtime": {"save_every": 0},
}
FOLDER = "models/fold0"
BETWEEN = (3, 5, 7)
"""Saved states between two kills. An epoch has 4, three batches and its end, so the kills come to all of its places."""
DYING = """
import os, runpy, signal, sys
from segpipe.training import resume
save, left = resume.SavedStates.save, [int(sys.argv.pop())]
def dying(self, run, scaler):
    save(self, run, scaler)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
resume.SavedStates.save = dying
sys.argv = sys.argv[1:]
runpy.run_module("stages.train", run_name="__main__")
"""
"""Runs stage train until it has saved so many states, and kills it there as nothing else can."""
ENVIRONMENT = {"MLFLOW_TRACKING_URI": "nowhere://"}  # a database takes seconds to make


def prepared(folder: Path, library: str) -> Path:
    """A repository whose data is split; `library` changes its training images."""
    repository = new_repository(folder)
    set_params(repository, PARAMS | {"augment": {"library": library}})
    for stage in ("download", "convert", "split"):
        run(repository, ["-m", f"stages.{stage}"])
    return repository


def run(repository: Path, how: list[str]) -> int:
    """Python in the repository; the exit status, of a process that ends well or is killed. Raises SystemExit for another."""
    kept = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    done = subprocess.run(
        [sys.executable, *how], cwd=repository, env=kept | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"failed: {' '.join(how[:2])}\n{done.stdout}{done.stderr}")
    return done.returncode


def trained(repository: Path, between: int) -> tuple[str, int]:
    """The hash of what a training writes that is killed after each `between` saved states, 0 for never; and how often it was."""
    kills = 0
    while run(repository, ["-c", DYING, "train", "--fold", "0", str(between)]):
        kills += 1
    digest = hashlib.sha256()
    for path in sorted(path for path in (repository / FOLDER).rglob("*") if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
        path.unlink()
    return digest.hexdigest(), kills


def compare(place: Path, chosen: tuple[int, ...], tell: Callable[[str], object] = print, library: str = "albumentations") -> str:
    """A line a training; the hash of all. Raises SystemExit where one ends in other bytes."""
    repository = prepared(place, library)
    wanted, _ = trained(repository, 0)
    tell(f"never killed                      {wanted}")
    for processes, between in [(1, each) for each in chosen] + [(2, chosen[0])]:
        set_params(repository, {"runtime": {"processes": processes}})
        found, kills = trained(repository, between)
        tell(f"killed {kills:3} times, {between} states apart {found}{' in two processes' if processes > 1 else ''}")
        if found != wanted:
            raise SystemExit(f"failed: killed after each {between} saved states it ends in other bytes")
        if not kills:
            raise SystemExit(f"failed: it saved fewer than {between} states, so it was never killed")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--between", type=int, nargs="+", default=BETWEEN)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for library in ("albumentations", "torchvision"):
            print(f"augment.library {library}")
            print(f"one hash: {compare(Path(temporary) / library, tuple(given.between), library=library)}")


if __name__ == "__main__":
    main()
