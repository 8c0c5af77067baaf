"""A model's predictions on whole images and their confusion counts: the one function behind every score."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from segpipe.dataset.loader import WholeImage
from segpipe.evaluation import ScoredImage
from segpipe.inference.predict import Forward, predict_classes
from segpipe.losses.table import LossFunction
from segpipe.models.segmenter import probabilities_of
from segpipe.params.decision import ARGMAX, Decision
from segpipe.params.schema import InferParams
from segpipe.record import IGNORE
from segpipe.scores.counts import confusion
from segpipe.scores.levels import levels


def score_images(
    forward: Forward,
    images: Iterable[WholeImage],
    n_classes: int,
    loss: LossFunction,
    params: InferParams,
    long_side: int,
    device: torch.device,
    with_levels: bool = False,
    decision: Decision = ARGMAX,
) -> Iterator[ScoredImage]:
    """Predicts each image at original resolution and compares it with its mask, in their order; `with_levels` those of its
    probabilities, too.

    Raises DataError where the logits of an image are not finite.
    """
    for item in images:
        predicted = predict_classes(forward, item.image, params, long_side, device, item.id, decision)
        target = torch.from_numpy(item.mask.astype(np.int64)).to(device)
        counted = bool((item.mask != IGNORE).any())
        # A batch of one, (1, K, H, W): even dice_pooled is the image's own loss then.
        terms = loss(predicted.logits[None], target[None])
        losses = {name: float(value[0]) if counted else None for name, value in terms.items()}
        counts = confusion(item.mask, predicted.classes, n_classes)
        found = levels(probabilities_of(predicted.logits).cpu().numpy()) if with_levels else None
        yield ScoredImage(item.id, item.mask, predicted.classes, counts, losses, found)
