"""A closer look at a few images of a fold: how sure its model is of them, where it looks, and how it came to see them so."""

import re
from pathlib import Path

import numpy as np
import torch

from segpipe import paths
from segpipe.console.progress import track
from segpipe.dataset import loader
from segpipe.dataset.pack import Pack, pixel_columns
from segpipe.evaluation import ScoredImage
from segpipe.images.resize import shrink_mask
from segpipe.inference import scoring
from segpipe.inference.attention import predict_attention
from segpipe.inference.attention_maps import has_attention
from segpipe.inference.closer_look_file import LONG_SIDE, CloserLook, DeepMap, Map
from segpipe.inference.confidence_maps import ConfidenceMaps, small
from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.models import model_file
from segpipe.models.segmenter import Segmenter
from segpipe.params.decision import Decision
from segpipe.params.schema import InferParams
from segpipe.scores import average_precision, extremes
from segpipe.scores.counts import Confusion, mean, scores
from segpipe.scores.levels import LEVELS

FOLLOWED = 2
"""Images of which the attention and the epochs are shown: so many of the worst, and so many typical ones."""
SHARED = 1
"""Images that every model of this data is followed on, so that their pictures can lie side by side."""
EPOCHS = 8
"""Snapshots that are looked at, at most."""
SCORED = 100
"""Images that these are scored on, at most, evenly spread, so that a look at a large set stays short."""


def look_closer(
    segmenter: Segmenter,
    noted: ConfidenceMaps,
    data: Pack,
    fold: int,
    infer: InferParams,
    long_side: int,
    device: torch.device,
    decision: Decision,
) -> tuple[CloserLook, list[SnapshotScores]]:
    """Of the images in `noted`, which the fold's model, `segmenter`, was scored on by this decision; and what the weights of
    other epochs score on them.
    """
    _, worst = extremes.best_and_worst(noted.dice, FOLLOWED)
    followed = list(dict.fromkeys([*worst, *extremes.typical(noted.dice, FOLLOWED), *_most_varied(data, list(noted.dice))]))
    attention: dict[str, dict[int, DeepMap]] = {}
    for item in followed if has_attention(segmenter) else ():
        maps = predict_attention(segmenter, data.image(item), infer, long_side, device)
        attention[item] = {stride: (65535 * small(values)).round().astype(np.uint16) for stride, values in maps}
    seen = _over_epochs(followed, extremes.evenly(sorted(noted.dice), SCORED), data, fold, infer, long_side, device, decision)
    return CloserLook(noted.of_the_extremes(), attention, seen[0]), seen[1]


def _most_varied(data: Pack, ids: list[str]) -> list[str]:
    """The images with the most classes, of equal ones those with the most pixels beside their largest class."""
    counts = data.index.loc[sorted(ids), pixel_columns(data.info)]
    ranks = zip(-(counts > 0).sum(axis=1), counts.max(axis=1) - counts.sum(axis=1), counts.index, strict=True)
    return [str(item) for _, _, item in sorted(ranks)[:SHARED]]


def _over_epochs(
    followed: list[str],
    scored: list[str],
    data: Pack,
    fold: int,
    infer: InferParams,
    long_side: int,
    device: torch.device,
    decision: Decision,
) -> tuple[dict[str, dict[int, Map]], list[SnapshotScores]]:
    """The classes of each image that is followed after each epoch whose weights were kept, and what these score; nothing where
    only the best one's were.
    """
    found: dict[str, dict[int, Map]] = {item: {} for item in followed}
    told = []
    for epoch, path in track(_spread(_snapshots(fold)), "snapshots", after_s=1.0):
        segmenter = model_file.load(path)[0].to(memory_format=torch.channels_last).to(device)
        images = loader.whole_image_loader(loader.WholeImages(data, sorted({*followed, *scored})), 0)
        sums = _Sums(len(data.info.classes))
        for each in scoring.score_images(
            segmenter, images, sums.n_classes, lambda logits, target: {}, infer, long_side, device, True, decision
        ):
            if each.id in found:
                found[each.id][epoch] = shrink_mask(each.prediction, LONG_SIDE)
            if each.id in scored:
                sums.add(each)
        told.append(sums.scores(epoch, data.info.has_background))
    return found, told


class _Sums:
    """Of the images that count, one after another."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes, self.counts = n_classes, list[Confusion]()
        self.levels = np.zeros((n_classes, 2, LEVELS), np.int64)

    def add(self, image: ScoredImage) -> None:
        self.counts.append(image.counts)
        # An image that is ignored wholly counts nowhere.
        if image.levels is not None and image.counts.any():
            self.levels += average_precision.level_counts(image.levels, image.mask)

    def scores(self, epoch: int, has_background: bool) -> SnapshotScores:
        whole = scores(self.counts, has_background)
        precision = mean(average_precision.average_precision(self.levels))
        return SnapshotScores(epoch, len(self.counts), whole["miou"], whole["dice"], precision)


def _snapshots(fold: int) -> list[tuple[int, Path]]:
    """The snapshots of a fold by epoch, counted from 1."""
    names = ((re.fullmatch(r"epoch(\d+)\.safetensors", path.name), path) for path in paths.snapshots_folder(fold).glob("*"))
    return sorted((int(name[1]), path) for name, path in names if name)


def _spread(snapshots: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """At most EPOCHS of them, evenly spread, the first and the last among them; none of a single one, which shows no change."""
    n = len(snapshots)
    if n <= EPOCHS:
        return snapshots if n > 1 else []
    return [snapshots[round(place * (n - 1) / (EPOCHS - 1))] for place in range(EPOCHS)]
