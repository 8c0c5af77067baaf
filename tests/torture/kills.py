"""SIGKILL at random moments of the pipeline, and the same command again: every output must end in the same bytes.

python -m tests.torture.kills --kills 100 prints where the kills fell, and fails with what differed.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.pipeline.conftest import dvc, live_lock, new_repository, set_params

WORKERS = (0, 1, 2, 4)
LONGEST_S = 14.0
"""From a start of dvc to its kill, at most: longer than any one stage of the small task takes."""
PATIENCE_S = 300.0
VICTIMS = ("dvc", "stage", "all")
"""Who is killed: dvc alone (its stage must follow), the stage's process alone, or both at once as when a machine dies."""


DVC_LOCK = "Unable to read RWLock-file '.dvc/tmp/rwlock'"
"""What DVC says where it was killed while it wrote this file, which it does in place."""


@dataclass
class Tally:
    """What happened so far."""

    longest_s: float
    kills: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    in_state: int = 0
    wholes: int = 0
    resumed: int = 0
    dvc_locks: int = 0

    def lines(self) -> list[str]:
        spread = ", ".join(f"{stage} {count}" for stage, count in self.kills.most_common())
        whom = ", ".join(f"{whom} {count}" for whom, count in self.victims.most_common())
        return [
            f"{sum(self.kills.values())} kills: {spread}",
            f"killed: {whom}; {self.in_state} of them inside the write of a training's state",
            f"{self.resumed} trainings went on from a saved state",
            f"{self.dvc_locks} times DVC had to be rid of the empty .dvc/tmp/rwlock that it left, as the how-to says",
            f"{self.wholes} of {self.wholes} pipelines ended in the bytes of the reference",
        ]


def results(folder: Path) -> dict[str, object]:
    """Hash and size of each output, and whatever else dvc.lock says of its stage."""
    return live_lock(folder)


def torture(reference: Path, place: Path, kills: int, in_state: int, seed: int, longest_s: float = LONGEST_S) -> Tally:
    """Kills `kills` times, `in_state` of them inside a state's write; whole pipelines must equal the reference's.

    Raises AssertionError that names the outputs that differ.
    """
    wanted, tally, chance = results(reference), Tally(longest_s=longest_s), random.Random(seed)
    planned = ["state"] * in_state + ["any"] * (kills - in_state)
    chance.shuffle(planned)
    number = 0
    while planned:
        folder = new_repository(place / f"victim {number}")
        said = place / f"said {number}"
        said.mkdir()
        while not run_and_kill(folder, said, planned, chance, tally):
            pass
        compare(folder, wanted, late(said))
        tally.wholes += 1
        number += 1
        shutil.rmtree(folder)
    return tally


def run_and_kill(folder: Path, outputs: Path, planned: list[str], chance: random.Random, tally: Tally) -> bool:
    """Runs `dvc repro`, kills it as the plan says, and returns whether it came to its end before that."""
    set_params(folder, {"runtime": {"workers": chance.choice(WORKERS)}})
    kind = planned[-1] if planned else "none"
    output = outputs / f"{len(list(outputs.iterdir()))}.txt"
    with output.open("w") as stream:
        process = start(folder, stream, "repro")
        killed = waited_for(process, folder, kind, chance, tally.longest_s)
        if killed:
            whom = chance.choice(VICTIMS)
            kill(process.pid, whom)
            planned.pop()
            tally.victims[whom] += 1
            tally.in_state += kind == "state"
        process.wait(PATIENCE_S)
    said = output.read_text(errors="replace")
    tally.resumed += said.count("goes on at epoch")
    if killed:
        tally.kills[stage_in(said)] += 1
        return False
    if process.returncode and DVC_LOCK in said:
        (folder / ".dvc/tmp/rwlock").unlink()
        tally.dvc_locks += 1
        return False
    assert process.returncode == 0, said
    return True


def start(folder: Path, stream: Any, *arguments: str) -> "subprocess.Popen[bytes]":
    """DVC in a session of its own, so that it can be killed with all that it started."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        stdout=stream,
        stderr=subprocess.STDOUT,
        env=environment(),
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """Stages run with this Python too, and say where they are when they are aborted."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": "", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}


def waited_for(process: "subprocess.Popen[bytes]", folder: Path, kind: str, chance: random.Random, longest_s: float) -> bool:
    """Waits for the moment of the kill; False where the process ended before it."""
    if kind == "any":
        end = time.monotonic() + chance.uniform(0.0, longest_s)
        return waits(process, lambda: time.monotonic() > end, 0.005)
    if kind == "state":
        skipped = chance.randrange(6)
        seen: set[str] = set()

        def writing() -> bool:
            seen.update(temporary_states(folder))
            return len(seen) > skipped and bool(temporary_states(folder))

        return waits(process, writing, 0.0)
    process.wait(PATIENCE_S)
    return False


def waits(process: "subprocess.Popen[bytes]", moment: object, pause_s: float) -> bool:
    while not moment():  # type: ignore[operator]
        if process.poll() is not None:
            return False
        time.sleep(pause_s)
    return process.poll() is None


def temporary_states(folder: Path) -> list[str]:
    """States that are being written at this moment."""
    try:
        return [str(path) for path in (folder / ".resume").glob("train-*/.*.state.*.tmp")]
    except FileNotFoundError:  # the training has just ended, and its folder is gone
        return []


def kill(dvc_process: int, whom: str) -> None:
    stages = [process for process in children(dvc_process) if is_stage(process)]
    if whom == "all":
        os.killpg(dvc_process, signal.SIGKILL)
        return
    for process in stages if whom == "stage" and stages else [dvc_process]:
        os.kill(process, signal.SIGKILL)


def children(process: int) -> list[int]:
    """All processes below one, of Linux's /proc."""
    found: list[int] = []
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    for child in map(int, listed):
        found += [child, *children(child)]
    return found


def is_stage(process: int) -> bool:
    try:
        return b"stages." in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def stage_in(said: str) -> str:
    """The stage that DVC had said it runs last."""
    running = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage '")]
    return running[-1] if running else "dvc"


def late(outputs: Path) -> int:
    """How often a training came to its end and DVC did not come to note it: it trained again, as another MLflow run.

    Read at the end: where dvc alone was killed, its stage went on for a moment and may have ended well in it.
    """
    texts = [path.read_text(errors="replace") for path in outputs.iterdir()]
    return sum("trained to the end: models/fold0" in said and "Running stage 'evaluate@0'" not in said for said in texts)


def compare(folder: Path, wanted: dict[str, object], late: int) -> None:
    """Raises AssertionError where an output, a metric or the lock is another, or MLflow has doubled or missing points."""
    found = results(folder)
    different = [name for name in wanted if found.get(name) != wanted[name]]
    first = different[:1]
    assert not different, f"different: {different}; {[(wanted[name], found.get(name)) for name in first]}"
    left = [str(path) for path in folder.rglob("*.tmp") if ".dvc" not in path.parts and "mlruns" not in path.parts]
    assert left == [], f"left behind: {left}"
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        rows = database.execute("select run_uuid, step, count(*) from metrics where key = 'val_loss' group by 1, 2").fetchall()
    points = {run: [(step, count) for own, step, count in rows if own == run] for run, _, _ in rows}
    epochs = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["train"]["epochs"]
    once = [(step, 1) for step in range(epochs)]
    assert all(found == once for found in points.values()), f"doubled or missing points of MLflow: {points}"
    assert len(points) <= 1 + late, f"{len(points)} runs of one training"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--in-state", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        reference = new_repository(Path(temporary) / "reference")
        dvc(reference, "repro")
        tally = torture(reference, Path(temporary), given.kills, given.in_state, given.seed)
    print("\n".join(tally.lines()))


if __name__ == "__main__":
    main()
