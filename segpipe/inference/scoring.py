"""A model's predictions on whole images and their confusion counts: the one function behind every score."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from segpipe.dataset.loader import WholeImage
from segpipe.inference.predict import Forward, predict_logits, require_finite
from segpipe.losses.table import Objective
from segpipe.models.segmenter import classes_of
from segpipe.params import InferParams
from segpipe.record import IGNORE
from segpipe.scores import Confusion, confusion


@dataclass(frozen=True)
class Scored:
    """One image: `prediction` (H, W) class ids at full size, `counts` against its mask, its loss and the parts of that.

    The costs are None where every pixel is ignored: nothing was asked, so nothing was right or wrong.
    """

    id: str
    prediction: NDArray[np.uint8]
    counts: Confusion
    costs: dict[str, float | None]


def score_images(
    forward: Forward,
    images: Iterable[WholeImage],
    n_classes: int,
    loss: Objective,
    params: InferParams,
    long_side: int,
    device: torch.device,
) -> Iterator[Scored]:
    """Predicts each image at original resolution and compares it with its mask, in their order.

    Raises DataError where the logits of an image are not finite.
    """
    for item in images:
        logits = predict_logits(forward, item.image, params, long_side, device)
        require_finite(logits, item.id)
        target = torch.from_numpy(item.mask.astype(np.int64)).to(device)
        counted = bool((item.mask != IGNORE).any())
        costs = {name: float(value[0]) if counted else None for name, value in loss(logits[None], target[None]).items()}
        prediction = classes_of(logits).cpu().numpy()
        yield Scored(item.id, prediction, confusion(item.mask, prediction, n_classes), costs)
