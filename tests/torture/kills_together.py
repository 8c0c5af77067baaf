"""SIGKILL at the processes of a training by two: none is left, no file is half written, and the same command goes on.

python -m tests.torture.kills_together --kills 36 kills in turn the other rank, the launcher (the stage's own process), dvc, and
all at once, and prints how long the last process outlived each. The pipelines must end in the bytes of one that was trained by
one process and never killed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from segpipe.models import model_file
from segpipe.storage import checksummed
from tests.pipeline.conftest import dvc, new_repository, set_params
from tests.torture.kills import DVC_LOCK, PATIENCE_S, children, compare, late, results, start, waited_for, waits

PARAMS = {"train": {"accumulate": 2, "epochs": 10}}
"""The training of both; the small task's images make 3 batches an epoch."""
WORKERS = (0, 1, 2)
VICTIMS = ("rank", "launcher", "dvc", "all")
MOMENTS = ("start", "batches", "state")
"""From the start of the other rank on, from the first new state on, or inside the write of a state."""
START_S, BATCHES_S = 8.0, 2.0
"""From that start, and from that state, to a kill, at most: a part of what training takes, or it would often be over."""
LEFT_S = 45.0
"""Processes may outlive a kill so long: a training has 30 seconds to save its state when its dvc is gone."""
SENTENCE = "error: process 2 of 2 (runtime.processes) ended, killed by SIGKILL, and the training with it."
ENDED = "trained to the end"


@dataclass
class Tally:
    """What happened so far; `outlived_s` is the longest by victim."""

    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    outlived_s: dict[str, float] = field(default_factory=dict)
    sentences: int = 0
    wholes: int = 0
    resumed: int = 0
    files: int = 0
    dvc_locks: int = 0

    def lines(self) -> list[str]:
        spread = ", ".join(f"{whom} {count}" for whom, count in sorted(self.kills.items()))
        longest = ", ".join(f"{whom} {seconds:.1f} s" for whom, seconds in sorted(self.outlived_s.items()))
        return [
            f"{sum(self.kills.values())} kills: {spread}",
            f"moments: {', '.join(f'{moment} {count}' for moment, count in sorted(self.moments.items()))}",
            f"the last process was gone after: {longest}",
            f"{self.sentences} of {self.kills['rank']} times the stage named the killed rank; else it had trained to the end",
            f"{self.files} files lay there after the kills, each whole",
            f"{self.resumed} trainings went on from a saved state",
            f"{self.dvc_locks} times DVC had to be rid of the empty .dvc/tmp/rwlock that it left, as the how-to says",
            f"{self.wholes} of {self.wholes} pipelines ended in the bytes of the reference",
        ]


def trained_by_one(folder: Path) -> Path:
    """A repository whose pipeline ran once, without a kill."""
    reference = new_repository(folder)
    set_params(reference, PARAMS)
    dvc(reference, "repro")
    return reference


def torture(reference: Path, place: Path, kills: int, seed: int) -> Tally:
    """Kills `kills` times; whole pipelines must equal the reference's. Raises AssertionError that says what is wrong."""
    wanted, tally, chance = results(reference), Tally(), random.Random(seed)
    planned = [(VICTIMS[number % 4], MOMENTS[number // 4 % 3]) for number in range(kills)]
    chance.shuffle(planned)
    while planned:
        folder = new_repository(place / f"victim {tally.wholes}")
        set_params(folder, PARAMS | {"runtime": {"processes": 2}})
        said = place / f"said {tally.wholes}"
        said.mkdir()
        while not run_and_kill(folder, said, planned, chance, tally):
            pass
        compare(folder, wanted, late(said))
        tally.wholes += 1
        shutil.rmtree(folder)
    return tally


def run_and_kill(folder: Path, outputs: Path, planned: list[tuple[str, str]], chance: random.Random, tally: Tally) -> bool:
    """Runs `dvc repro`, kills as the plan says, looks at what is left, and returns whether the pipeline came to its end."""
    set_params(folder, {"runtime": {"workers": chance.choice(WORKERS)}})
    had_states = bool(states(folder))
    output = outputs / f"{len(list(outputs.iterdir()))}.txt"
    whom = ""
    with output.open("w") as stream:
        process = start(folder, stream, "repro")
        if planned and came(process, folder, planned[-1][1], chance) and kill(process.pid, planned[-1][0]):
            whom, moment = planned.pop()
            tally.kills[whom] += 1
            tally.moments[moment] += 1
            tally.outlived_s[whom] = max(tally.outlived_s.get(whom, 0.0), outlived(process))
        process.wait(PATIENCE_S)
    said = output.read_text(errors="replace")
    tally.resumed += said.count("goes on at epoch")
    tally.files += whole_files(folder)
    assert not had_states or "epoch " not in said or "goes on at epoch" in said, f"it began anew:\n{said}"
    if whom == "rank":
        tally.sentences += SENTENCE in said
        assert SENTENCE in said or ENDED in said, said
        assert "Traceback" not in said, said
    if process.returncode and not whom:
        assert DVC_LOCK in said, said
        (folder / ".dvc/tmp/rwlock").unlink()
        tally.dvc_locks += 1
    return process.returncode == 0


def came(process: "subprocess.Popen[bytes]", folder: Path, moment: str, chance: random.Random) -> bool:
    """Waits for the moment of the kill, which comes when the other rank is there; False where the process ended before it."""
    before = states(folder)
    if not waits(process, lambda: named(process.pid, b"train_along"), 0.01):
        return False
    if moment == "batches" and not waits(process, lambda: states(folder) - before, 0.005):
        return False
    longest_s = BATCHES_S if moment == "batches" else START_S
    return waited_for(process, folder, "state" if moment == "state" else "any", chance, longest_s)


def states(folder: Path) -> set[Path]:
    return set((folder / ".resume").glob("train-*/*.state"))


def kill(dvc_process: int, whom: str) -> bool:
    """Whether it could: the training may be over."""
    found = {"rank": named(dvc_process, b"train_along"), "launcher": named(dvc_process, b"stages.train"), "dvc": [dvc_process]}
    if not found["rank"]:
        return False
    if whom == "all":
        os.killpg(dvc_process, signal.SIGKILL)
    else:
        # The first of a name has started the others, which are its loader's workers.
        os.kill(found[whom][0], signal.SIGKILL)
    return True


def named(above: int, command: bytes) -> list[int]:
    """The processes below one whose command holds these bytes, parents first."""
    return [process for process in children(above) if command in read(process, "cmdline")]


def outlived(process: "subprocess.Popen[bytes]") -> float:
    """Seconds until the last process of the training was gone. Raises AssertionError where one outlives LEFT_S."""
    began = time.monotonic()
    while training := [number for number in of_session(process.pid) if b"train" in read(number, "cmdline")]:
        if time.monotonic() > began + LEFT_S:
            # They say where they are (PYTHONFAULTHANDLER).
            for number in training:
                os.kill(number, signal.SIGABRT)
            names = [(number, read(number, "stat"), read(number, "cmdline")) for number in training]
            raise AssertionError(f"left after {LEFT_S:.0f} s: {names}")
        time.sleep(0.05)
        process.poll()
    return time.monotonic() - began


def of_session(session: int) -> list[int]:
    """All processes that were started in the session of a process, their parents being there or not."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [number for number in numbers if read(number, "stat").rpartition(b")")[2].split()[3:4] == [b"%d" % session]]


def read(process: int, name: str) -> bytes:
    """A file of /proc; empty where the process is gone, or has ended and is waited for."""
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""


def whole_files(folder: Path) -> int:
    """How many files that carry a checksum or have an end lie in place. Raises for one that is not whole."""
    saved = states(folder)
    models = [*(folder / ".resume").rglob("*.safetensors"), *(folder / "models").rglob("*.safetensors")]
    lines = [*(folder / ".resume").glob("*.jsonl"), *(folder / "models").rglob("*.csv")]
    objects = [*(folder / ".resume").glob("train-*/*.json"), *(folder / "metrics").glob("*.json")]
    for path in saved:
        checksummed.opened(path.read_bytes())
    for path in models:
        model_file.load(path)
    for path in lines:
        assert path.read_bytes().endswith(b"\n"), f"{path} ends inside a line"
    for path in objects:
        json.loads(path.read_bytes())
    return len([*saved, *models, *lines, *objects])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        tally = torture(trained_by_one(Path(temporary) / "reference"), Path(temporary), given.kills, given.seed)
    print("\n".join(tally.lines()))


if __name__ == "__main__":
    main()
