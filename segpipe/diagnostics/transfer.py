"""Whether what a training learns from some images holds for others, found in the first batches of an epoch.

Each batch is new to the network when it comes, so what is predicted of it, before the step, is of images that were not learned.
An image's own mask must fit that better than the mask of another image does; that classes have usual places is true of both.
"""

import math
from dataclasses import replace

import numpy as np
from torch import Tensor

from segpipe.diagnostics.separation import separation_by_class
from segpipe.losses.table import Losses
from segpipe.training import loop
from segpipe.training.loop import Run

CERTAIN = 3.0
"""Standard errors."""


def transfers(run: Run, rate: float, steps: int) -> bool:
    """Whether own masks fit certainly better, over the later half of the first `steps` batches of an epoch, or fewer.

    The run's weights change.
    """
    found: list[float] = []

    def loss(logits: Tensor, target: Tensor) -> Losses:
        found.extend(_own_less_other(logits.detach(), target))
        return run.loss(logits, target)

    constant = {"learning_rate": lambda now, history: rate, "progress": loop.Progress()}
    loop.train_epoch(replace(run, loss=loss, n_batches=min(run.n_batches, steps), **constant))  # type: ignore[arg-type]
    late = np.array(found[len(found) // 2 :])
    return len(late) > 1 and float(late.mean()) > CERTAIN * float(late.std(ddof=1)) / math.sqrt(len(late))


def _own_less_other(logits: Tensor, target: Tensor) -> list[float]:
    """How much better each image's own mask tells its classes apart than the mask of the image before it; none of one image."""
    found = []
    for number in range(len(target) if len(target) > 1 else 0):
        prediction = logits[number : number + 1]
        own, other = (separation_by_class(prediction, target[[place]]) for place in (number, number - 1))
        if shared := own.keys() & other.keys():
            found.append(sum(own[name] - other[name] for name in shared) / len(shared))
    return found
