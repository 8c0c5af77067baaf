"""What a training learns of one batch in a few steps, by the loop that trains: whether it can learn at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.diagnostics.separation import separation
from segpipe.errors import PipelineError
from segpipe.losses.table import Losses
from segpipe.training import loop
from segpipe.training.loop import Run

LAST = 5
"""Steps whose mean is what was reached: a network that jumps about is right by chance now and then."""


@dataclass
class Overfit:
    """The mean loss and the separation of the classes before each step, and the logits before the last.

    Whether a weight moved, whether the separation was enough before all steps were done, and the error that ended them.
    """

    losses: list[float] = field(default_factory=list)
    separations: list[float] = field(default_factory=list)
    logits: Tensor = field(default_factory=lambda: torch.zeros(0))
    moved: bool = False
    enough: bool = False
    error: str = ""

    @property
    def reached(self) -> float:
        """The mean separation before the last few steps, 0 where there were none; the last one where that was enough."""
        last = self.separations[-1:] if self.enough else self.separations[1:][-LAST:]
        return sum(last) / max(len(last), 1)


class _EnoughError(Exception):
    """It has learned enough."""


def overfit(run: Run, batch: Batch, rate: float, epoch: int, steps: int, enough: float) -> Overfit:
    """Trains the run on the one batch for `steps` steps, fewer where the separation reaches `enough`, at a constant rate.

    The network is as at the beginning of `epoch`: an encoder that is frozen at first may learn by then. The run's weights change.
    """
    found = Overfit()
    weights = [*run.model.parameters()]
    before = [weight.detach().clone() for weight in weights]

    def loss(logits: Tensor, target: Tensor) -> Losses:
        losses = run.loss(logits, target)
        parts.append((logits.detach(), target, losses["loss"].detach()))
        return losses

    def save_state(trained: Run) -> None:
        # A batch may come in parts.
        logits, target, losses = (torch.cat(each) for each in zip(*parts, strict=True))
        parts.clear()
        found.logits = logits
        found.losses.append(float(losses.mean()))
        found.separations.append(separation(logits, target) or 0.0)
        if found.separations[-1] >= enough:
            raise _EnoughError

    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    alone = replace(
        run,
        loss=loss,
        batches=lambda epoch, first: _repeated(batch, steps),
        n_batches=steps,
        learning_rate=lambda now, history: rate,
        at_epoch=lambda now: run.at_epoch(epoch),
        save_state=save_state,
        progress=loop.Progress(),
    )
    try:
        loop.train_epoch(alone)
    except _EnoughError:
        found.enough = True
    except PipelineError as error:
        found.error = str(error)
    found.moved = any(not torch.equal(old, new) for old, new in zip(before, weights, strict=True))
    return found


def _repeated(batch: Batch, steps: int) -> Iterable[Batch]:
    for _ in range(steps):
        yield batch
