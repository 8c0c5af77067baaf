"""Gradient accumulation: a batch goes through the network in parts, for which there is memory, and one step follows from all."""

import math
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor, nn

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.training.loop import Run
from tests.training.ways.suite import rows


def prepare(run: Run, parts: int, clip: float) -> Run:
    """The run with each batch in `parts` parts, which differ by an image in size at most, and the step of the whole batch.

    Every batch has as many images as there are parts, or more. The gradients' norm is clipped to `clip`, 0 for never.
    """
    images = 0

    def step(losses: Tensor, counted: Tensor) -> None:
        nonlocal images
        # A sum, since only behind the last part it is known over how many images the mean goes.
        (losses * counted.to(losses)).sum().backward()
        images += int(counted.sum())
        if (run.progress.batch + 1) % parts == 0:
            if images:
                _step(run, images, clip)
            run.optimizer.zero_grad(set_to_none=True)
            images = 0

    def save_state(trained: Run) -> None:
        # Between the parts of a batch gradients are under way, which no state holds.
        if trained.progress.batch % parts == 0:
            run.save_state(trained)

    def of_whole(epoch: float) -> float:
        """The epoch, a fraction inside one, at which the batch began."""
        number = round(epoch % 1 * run.n_batches * parts) // parts
        return epoch // 1 + number / run.n_batches

    return replace(
        run,
        batches=lambda epoch, first: (part for batch in run.batches(epoch, first // parts) for part in _cut(batch, parts)),
        n_batches=run.n_batches * parts,
        step=step,
        learning_rate=lambda epoch, history: run.learning_rate(of_whole(epoch), history),
        at_epoch=lambda epoch: run.at_epoch(of_whole(epoch)),
        save_state=save_state,
    )


def _step(run: Run, images: int, clip: float) -> None:
    """The optimizer's step by the mean over the images of what the gradients hold the sum of."""
    weights = [weight for weight in run.model.parameters() if weight.grad is not None]
    for weight in weights:
        weight.grad /= images
    if not nn.utils.clip_grad_norm_(weights, clip or math.inf).isfinite():
        raise PipelineError("a gradient is not a finite number. Lower optim.lr.")
    run.optimizer.step()


def _cut(batch: Batch, parts: int) -> Iterator[Batch]:
    """The parts in their order, the larger ones first."""
    size, larger = divmod(len(batch.ids), parts)
    start = 0
    for number in range(parts):
        end = start + size + (number < larger)
        yield rows(batch, slice(start, end))
        start = end
