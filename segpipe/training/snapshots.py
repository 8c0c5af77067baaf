"""Weights that are kept beside those of the best epoch: of the best few by the monitored score, and of every n-th epoch.

While a training runs they lie beside its saved states, so that an interruption loses none. Which epochs are kept follows from the
history alone, and so a resumed training leaves the files of an uninterrupted one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from segpipe.training.loop import Record, Run
from segpipe.training.monitored_score import Score

Write = Callable[[Path, Mapping[str, Tensor], Sequence[Record]], None]
"""Writes weights as the model file of the last epoch of this history."""


@dataclass(frozen=True)
class Kept:
    """The `top` best epochs, from 2 on (the best alone is no snapshot), and each `every`-th, 0 for none."""

    top: int
    every: int

    def epochs(self, scores: Sequence[float | None]) -> set[int]:
        """Those of the epochs with these scores that are kept, counted from 0."""
        known = [(-score, epoch) for epoch, score in enumerate(scores) if score is not None]
        # Of equal scores the first is the better one, as for the best epoch.
        best = {epoch for _, epoch in sorted(known)[: self.top if self.top > 1 else 0]}
        return best | {epoch for epoch in range(len(scores)) if self.every and (epoch + 1) % self.every == 0}


def keeping(save_state: Callable[[Run], None], folder: Path, kept: Kept, score: Score, write: Write) -> Callable[[Run], None]:
    """A `Run.save_state` that writes the snapshots into the folder, and deletes those that are no longer among the best."""

    def keep(run: Run) -> None:
        history = run.progress.history
        # Between two epochs: this one's batches are still to come, and the record of the one before is there.
        if history and not run.progress.batch:
            _update(run, folder, kept.epochs([*map(score, history)]), write)
        # After them: a state that is on the disk never lacks a snapshot of its past.
        save_state(run)

    return keep


def name_of(epoch: int, epochs: int) -> str:
    """The file of an epoch, counted from 0, of a training of so many: its number as people count, so that names sort."""
    return f"epoch{epoch + 1:0{max(2, len(str(epochs)))}d}.safetensors"


def _update(run: Run, folder: Path, wanted: set[int], write: Write) -> None:
    history = run.progress.history
    newest = len(history) - 1
    if newest in wanted:
        write(folder / name_of(newest, run.epochs), run.weights(), history)
    names = {name_of(epoch, run.epochs) for epoch in wanted}
    for file in folder.glob("*.safetensors"):
        if file.name not in names:
            file.unlink()
