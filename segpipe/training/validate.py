"""The scores of the validation part at the end of an epoch, by the function that evaluate uses too."""

from collections.abc import Callable, Iterable

import torch

from segpipe.dataset.loader import WholeImage
from segpipe.inference.scoring import score_images
from segpipe.losses.table import Loss
from segpipe.models.segmenter import Segmenter
from segpipe.params import InferParams
from segpipe.record import DatasetInfo
from segpipe.scores import scores
from segpipe.training.loop import Record


def validator(
    segmenter: Segmenter,
    images: Iterable[WholeImage],
    info: DatasetInfo,
    loss: Loss,
    params: InferParams,
    long_side: int,
    device: torch.device,
) -> Callable[[], Record]:
    """A function that predicts all images and returns val_loss (an image's mean) and val_... of each score there is."""

    def validate() -> Record:
        segmenter.eval()
        results = list(score_images(segmenter, images, len(info.classes), loss, params, long_side, device))
        found = scores([result.counts for result in results], info.has_background)
        cost = sum(result.loss for result in results) / len(results)
        return {"val_loss": cost} | {f"val_{name}": value for name, value in found.items() if value is not None}

    return validate
