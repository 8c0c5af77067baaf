"""Random damage to model files, exported models and saved states: every changed or missing byte must be seen.

python -m tests.torture.damage --count 500 prints how many were, and fails with what went unseen.
"""

import argparse
import contextlib
import io
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from segpipe import export
from segpipe.errors import PipelineError
from segpipe.inference import onnx_session
from segpipe.models import model_file
from segpipe.training import loop, resume
from tests.inference.cards import small
from tests.training.test_resume import CutError, cut_after, ended, fresh

SIZES = ((2, 1), (3, 3), (5, 4))
"""Classes and channels of the models that are damaged."""
LAST_BATCH = 9
"""So often a training of `fresh` saves: after each of six batches and of three epochs."""


@dataclass
class Tally:
    """What was damaged and seen so far, and how many damaged states were replaced by the one before."""

    seen: Counter[str] = field(default_factory=Counter)
    unseen: list[str] = field(default_factory=list)
    fallbacks: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        kinds = ", ".join(f"{self.seen[kind]} {kind}" for kind in ("model", "onnx", "state"))
        whole, tried = sum(self.seen.values()), sum(self.seen.values()) + len(self.unseen)
        right = self.fallbacks - len(self.wrong)
        return f"{whole} of {tried} detected ({kinds}); {right} of {self.fallbacks} fallbacks ended in the reference's bytes"


def damaged(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """One byte changed, or the end cut off, and what was done in words."""
    place = chance.randrange(len(content))
    if chance.random() < 0.25:
        return content[:place], f"cut off at byte {place} of {len(content)}"
    other = content[place] ^ chance.randrange(1, 256)
    return content[:place] + bytes([other]) + content[place + 1 :], f"byte {place} of {len(content)} made {other}"


def torture(place: Path, count: int, seed: int) -> Tally:
    """Damages `count` files, the three kinds in turn."""
    chance, tally = random.Random(seed), Tally()
    models, exports = model_files(place)
    cuts, wanted = Cuts(place), ended(fresh())
    for number in range(count):
        match number % 3:
            case 0:
                try_file("model", chance.choice(models), model_file.load, chance, tally)
            case 1:
                try_file("onnx", chance.choice(exports), onnx_session.load, chance, tally)
            case 2:
                try_state(cuts.folder(chance.randrange(2, LAST_BATCH + 1)), wanted, chance, tally)
    return tally


def model_files(place: Path) -> tuple[list[Path], list[Path]]:
    """Weights and exported models of several sizes, each loaded once undamaged: else a refusal would say nothing."""
    models, exports = [], []
    for classes, channels in SIZES:
        segmenter, card = small(classes, channels)
        models.append(place / f"{classes}-{channels}.safetensors")
        exports.append(place / f"{classes}-{channels}.onnx")
        model_file.save(models[-1], segmenter, card)
        exports[-1].write_bytes(export.to_onnx(segmenter, card))
        model_file.load(models[-1])
        onnx_session.load(exports[-1])
    return models, exports


def try_file(kind: str, path: Path, load: Callable[[Path], Any], chance: random.Random, tally: Tally) -> None:
    """Damages the file, loads it, and puts it back as it was."""
    whole = path.read_bytes()
    content, what = damaged(whole, chance)
    path.write_bytes(content)
    try:
        load(path)
        tally.unseen.append(f"{kind} {path.name}: {what}")
    except PipelineError:
        tally.seen[kind] += 1
    finally:
        path.write_bytes(whole)


class Cuts:
    """The states of trainings that died after so many saves, each made once."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def folder(self, calls: int) -> Path:
        """A fresh copy of the folder: a resumed training changes it."""
        kept, copy = self.place / f"cut after {calls}", self.place / "states"
        if not kept.exists():
            states = resume.SavedStates(kept, 0.0)
            training = fresh()
            with contextlib.suppress(CutError):
                loop.fit(with_saving(training, cut_after(calls, states.saver(training, None))))
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(kept, copy))


def with_saving(training: loop.Run, save_state: Callable[[loop.Progress], None]) -> loop.Run:
    return loop.Run(**vars(training) | {"save_state": save_state})


def try_state(folder: Path, wanted: object, chance: random.Random, tally: Tally) -> None:
    """Damages the newest state: the one before must be announced and taken, and lead to the same bytes."""
    before, newest = sorted(folder.glob("*.state"))
    content, what = damaged(newest.read_bytes(), chance)
    newest.write_bytes(content)
    training, said = fresh(), io.StringIO()
    with contextlib.redirect_stderr(said):
        restored = resume.SavedStates(folder, 0.0).restore(training, None)
    if f"{newest} is damaged" not in said.getvalue() or newest.exists():
        tally.unseen.append(f"state {newest.name}: {what}")
        return
    tally.seen["state"] += 1
    tally.fallbacks += 1
    taken = f"{training.progress.epoch:06d}-{training.progress.batch:08d}.state"
    if not restored or taken != before.name or ended(training) != wanted:
        tally.wrong.append(f"state {newest.name}: {what}; went on from {taken} and not from {before.name}, or to other bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        tally = torture(Path(temporary), given.count, given.seed)
    print(tally.line())
    if tally.unseen or tally.wrong:
        raise SystemExit("\n".join(["failed:", *tally.unseen, *tally.wrong]))


if __name__ == "__main__":
    main()
