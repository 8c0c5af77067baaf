"""A model's predictions on whole images and their confusion counts: the one function behind every score."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from segpipe.dataset.loader import WholeImage
from segpipe.inference.predict import Forward, predict_logits
from segpipe.losses.table import Loss
from segpipe.models.segmenter import classes_of
from segpipe.params import InferParams
from segpipe.scores import Confusion, confusion


@dataclass(frozen=True)
class Scored:
    """One image: `prediction` (H, W) class ids at original resolution, `counts` against its mask, and its loss."""

    id: str
    prediction: NDArray[np.uint8]
    counts: Confusion
    loss: float


def score_images(
    forward: Forward,
    images: Iterable[WholeImage],
    n_classes: int,
    loss: Loss,
    params: InferParams,
    long_side: int,
    device: torch.device,
) -> Iterator[Scored]:
    """Predicts each image at original resolution and compares it with its mask, in their order."""
    for item in images:
        logits = predict_logits(forward, item.image, params, long_side, device)
        target = torch.from_numpy(item.mask.astype(np.int64)).to(device)
        cost = float(loss(logits[None], target[None])[0])
        prediction = classes_of(logits).cpu().numpy()
        yield Scored(item.id, prediction, confusion(item.mask, prediction, n_classes), cost)
