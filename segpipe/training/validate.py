"""The scores of the validation part at the end of an epoch, by the function that evaluate uses too."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import torch

from segpipe.console.progress import track
from segpipe.dataset.loader import WholeImage
from segpipe.inference.scoring import score_images
from segpipe.losses.table import LossFunction
from segpipe.models.segmenter import Segmenter
from segpipe.params.schema import InferParams
from segpipe.record import DatasetInfo
from segpipe.scores.counts import Confusion, mean, scores
from segpipe.training.loop import Record, Run
from segpipe.training.validation_plan import ValidationPlan


@dataclass(frozen=True)
class Scored:
    """An image's losses, None where it is ignored wholly, and its confusion counts, (K, K); without its predicted classes."""

    id: str
    losses: dict[str, float | None]
    counts: Confusion


Scorer = Callable[[Sequence[str]], Sequence[Scored]]
"""Predicts the images of these ids, in their order."""


def scorer(
    segmenter: Segmenter,
    read: Callable[[Sequence[str]], Iterable[WholeImage]],
    n_classes: int,
    loss: LossFunction,
    params: InferParams,
    long_side: int,
    device: torch.device,
) -> Scorer:
    """A function that predicts images by the segmenter as it is then; `read` yields the images of some ids, in their order."""

    def score(ids: Sequence[str]) -> Sequence[Scored]:
        segmenter.eval()
        results = score_images(segmenter, read(ids), n_classes, loss, params, long_side, device)
        # What was predicted is let go at once: of a large part it would fill the memory.
        return [Scored(each.id, each.losses, each.counts) for each in track(results, "validating", len(ids), after_s=1.0)]

    return score


def validator(
    plan: ValidationPlan, score: Scorer, info: DatasetInfo, apart: Sequence[Sequence[str]] = ()
) -> Callable[[Run, Record], Record]:
    """A `Run.validate` that predicts what the plan says, and the whole part after the epoch in which the training stops.

    Where it predicts the whole part it finds the numbers of the images of each of `apart` too, as site1_..., site2_...

    It finds val_loss and its terms (an image's mean) and val_... of each score where it predicts the whole part, and the same as
    subset_... of the plan's subset. Images of which every pixel is ignored are in no mean; what no image has a value of is left
    out of the record.
    """

    in_subset: Collection[str] = frozenset(plan.subset)

    def numbers(ids: Sequence[str]) -> Record:
        scored = score(ids) if ids else ()
        # The subset has numbers in each epoch that is validated: a curve of one kind, and no image is predicted for it twice.
        subset = _numbers("subset_", [each for each in scored if each.id in in_subset], info)
        return subset | (_numbers("val_", scored, info) | of_sites(scored) if ids == plan.ids else {})

    def of_sites(scored: Sequence[Scored]) -> Record:
        found: Record = {}
        for number, of_site in enumerate(map(frozenset, apart), start=1):
            found |= _numbers(f"site{number}_", [each for each in scored if each.id in of_site], info)
        return found

    def validate(run: Run, record: Record) -> Record:
        ids = plan.images(run.progress.epoch, run.epochs)
        found = numbers(ids)
        # Scores of the subset cannot choose the best epoch, so one that ends the training is validated as the last one is.
        if ids != plan.ids and run.stop([*run.progress.history, record | found]):
            found = numbers(plan.ids)
        return found

    return validate


def _numbers(prefix: str, scored: Sequence[Scored], info: DatasetInfo) -> Record:
    """The means over the images, by their names with this before them."""
    if not scored:
        return {}
    found: dict[str, float | None] = {name: mean(each.losses[name] for each in scored) for name in scored[0].losses}
    found |= scores([each.counts for each in scored], info.has_background)
    return {f"{prefix}{name}": value for name, value in found.items() if value is not None}
