"""Every write of a training fails once, as on a full disk and as without the right: nothing old is lost, and it goes on.

python -m tests.torture.full_disk lets each write in turn fail, and fails itself with what was lost or not explained.
"""

import argparse
import errno
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from segpipe.console import command
from segpipe.storage import checksummed
from tests.pipeline.conftest import new_repository, set_params
from tests.structure.imports import modules
from tests.torture.failing_writes import Writes

CODES = (errno.ENOSPC, errno.EACCES)
MODEL = Path("models/fold0")
OF_FLOWER = {"segpipe.federation.client", "segpipe.federation.flower", "segpipe.federation.server"}
"""Flower has an environment of its own."""
USED = ("albumentations", "mlflow", "torchvision", *(name for name in modules() if name not in OF_FLOWER))
"""What a training imports: read once, before the processes fork."""
SENTENCE = re.compile(r"error: .+: could not be written \((No space left on device|Permission denied)\)\. Free space or mend .*")


@dataclass(frozen=True)
class Ended:
    """How a stage ended, what it said, and how many writes it tried."""

    code: int
    said: str
    count: int
    failed: str


@dataclass
class Tally:
    """What happened so far."""

    runs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    with_state: int = 0
    went_on: int = 0
    same: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        runs = sum(self.runs.values())
        kinds = ", ".join(f"{kind} {times}" for kind, times in self.kinds.most_common())
        return [
            f"{self.writes} writes of a training failed one after the other, each by {len(CODES)} causes: {runs} runs ({kinds})",
            ", ".join(f"{times} ended with {how}" for how, times in self.runs.most_common()),
            f"old state loaded each time: {self.went_on} of {self.with_state}",
            f"{self.same} of {runs} ended in the reference's bytes when run again",
        ]


class Place:
    """A repository with its data, an older model of another seed, and what the training must end in."""

    def __init__(self, folder: Path) -> None:
        self.folder = new_repository(folder.resolve())
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        for stage in ("download", "convert", "split"):
            assert self.run(stage).code == 0
        set_params(self.folder, {"seed": 7})
        self.old = self.trained()
        set_params(self.folder, {"seed": 42})
        self.reference = self.trained()
        assert self.old.keys() == self.reference.keys() and self.old != self.reference

    def trained(self) -> dict[str, bytes]:
        ended = self.run("train")
        assert ended.code == 0, ended.said
        return self.outputs()

    def outputs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / MODEL).iterdir()}

    def states(self) -> list[Path]:
        return sorted((self.folder / ".resume").rglob("*.state"))

    def left(self) -> list[str]:
        """Temporary files, and all that lies in the folder for them."""
        own = [path for name in ("models", ".resume") for path in (self.folder / name).rglob("*.tmp")]
        return [str(path) for path in (*own, *self.scratch.iterdir())]

    def reset(self) -> None:
        """The older model, and nothing unfinished."""
        for name in (".resume", "models"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / MODEL).mkdir(parents=True)
        for name, content in self.old.items():
            (self.folder / MODEL / name).write_bytes(content)

    def run(self, stage: str, number: int = 0, code: int = 0) -> Ended:
        """A stage in a process of its own, whose write of this number fails."""
        output, counted = self.folder.parent / "output.txt", self.folder.parent / "counted.json"
        child = os.fork()
        if child == 0:
            self._be(stage, Writes(self.folder, number, code), output, counted)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Ended(status, output.read_text(encoding="utf-8"), *json.loads(counted.read_text()))

    def _be(self, stage: str, writes: Writes, output: Path, counted: Path) -> None:
        """The child: never returns."""
        status = 1
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(descriptor, stream)
            os.chdir(self.folder)
            tempfile.tempdir = str(self.scratch)
            sys.argv = [stage, *(["--fold", "0"] if stage == "train" else [])]
            main = importlib.import_module(f"stages.{stage}").main
            writes.install()
            command.run(main)
        except SystemExit as ending:
            status = ending.code if isinstance(ending.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            writes.number = 0
            sys.stdout.flush()
            sys.stderr.flush()
            counted.write_text(json.dumps([writes.count, writes.failed]))
            os._exit(status)


def torture(place: Place, params: int) -> Tally:
    """Lets each `every`-th write fail until a training has no more."""
    tally = Tally()
    for number in count(1, params):
        for code in CODES:
            place.reset()
            ended = place.run("train", number, code)
            if not ended.failed:
                return tally
            try:
                check(place, ended, tally)
            except (AssertionError, checksummed.DamagedError) as error:
                tally.wrong.append(f"{ended.failed}: {error}")
        tally.writes += 1
    raise AssertionError("a count has no end")


def check(place: Place, ended: Ended, tally: Tally) -> None:
    """What the failed training left, and that the next one ends well. Raises AssertionError that says what went wrong."""
    case = f"{ended.failed}\n{ended.said}"
    how = ending(ended)
    tally.runs[how] += 1
    tally.kinds[ended.failed.split()[0]] += 1
    assert how != "something else", f"no clear end: {case}"
    assert place.left() == [], f"left behind: {place.left()} {case}"
    found = place.outputs()
    assert found.keys() == place.old.keys(), f"lost: {place.old.keys() - found.keys()} {case}"
    for name, content in found.items():
        assert content in (place.old[name], place.reference[name]), f"{name} is neither old nor new: {case}"
    checksummed.opened((place.folder / MODEL / "model.safetensors").read_bytes())
    for path in place.states():
        checksummed.opened(path.read_bytes())
    states = place.states()
    if ended.code == 0:
        assert (place.outputs(), states) == (place.reference, []), f"it ended well and is not: {case}"
    again = place.run("train")
    assert again.code == 0, f"{case}\nthen {again.said}"
    went_on = not states
    if states:
        epoch, batch = map(int, states[-1].stem.split("-"))
        tally.with_state += 1
        # Behind an epoch's last batch it is the validation that comes next.
        parts = (f"batch {batch + 1} of", "its validation")
        went_on = any(f"goes on at epoch {epoch + 1}, {part}" in again.said for part in parts)
        tally.went_on += went_on
    tally.same += place.outputs() == place.reference
    assert (place.states(), place.left()) == ([], []), f"left behind after the second run: {case}"
    assert went_on, f"{states[-1]} was not loaded: {case}\nthen {again.said}"
    assert place.outputs() == place.reference, f"other bytes: {case}\nthen {again.said}"


def ending(ended: Ended) -> str:
    """How a training ended, in words; `something else` is what must not be."""
    errors = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    if "Traceback" in ended.said:
        return "something else"
    if ended.code == 2 and len(errors) == 1 and SENTENCE.fullmatch(errors[0]):
        return "a sentence and exit code 2"
    if ended.code == 0 and "warning: " in ended.said:
        return "a warning and the right bytes"
    # Only the sentence for who waits would be poorer.
    if ended.code == 0 and ended.failed.endswith(".holder"):
        return "the right bytes, the lock's holder unnamed"
    if ended.code == 0 and ended.failed.startswith("database"):
        return "the right bytes, MLflow's database opened at its second try"
    return "something else"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="lets every so manieth write fail only")
    given = parser.parse_args()
    for name in ("DVC_ROOT", "DVC_STAGE"):
        os.environ.pop(name, None)
    os.environ |= command.ENVIRONMENT
    for name in USED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as temporary:
        tally = torture(Place(Path(temporary) / "repository"), given.every)
    print("\n".join(tally.lines()))
    if tally.wrong:
        raise SystemExit("\n\n".join(["failed:", *tally.wrong]))


if __name__ == "__main__":
    main()
