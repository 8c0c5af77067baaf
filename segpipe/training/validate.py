"""The scores of the validation part at the end of an epoch, by the function that evaluate uses too."""

from collections.abc import Callable, Iterable

import torch

from segpipe.dataset.loader import WholeImage
from segpipe.inference.scoring import score_images
from segpipe.losses.table import LossFunction
from segpipe.models.segmenter import Segmenter
from segpipe.params.schema import InferParams
from segpipe.record import DatasetInfo
from segpipe.scores import mean, scores
from segpipe.training.loop import Record


def validator(
    segmenter: Segmenter,
    images: Iterable[WholeImage],
    info: DatasetInfo,
    loss: LossFunction,
    params: InferParams,
    long_side: int,
    device: torch.device,
) -> Callable[[], Record]:
    """A function that predicts all images; returns val_loss and its terms (an image's mean) and val_... of each score.

    Images of which every pixel is ignored are in no mean; what no image has a value of is left out of the record.
    """

    def validate() -> Record:
        segmenter.eval()
        results = list(score_images(segmenter, images, len(info.classes), loss, params, long_side, device))
        found: dict[str, float | None] = {name: mean(result.losses[name] for result in results) for name in results[0].losses}
        found |= scores([result.counts for result in results], info.has_background)
        return {f"val_{name}": value for name, value in found.items() if value is not None}

    return validate
