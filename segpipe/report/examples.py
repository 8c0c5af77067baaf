"""The best and the worst predictions, as small pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segpipe.dataset.pack import Pack
from segpipe.evaluation import FoldResults
from segpipe.images import overlay
from segpipe.images.decode import decode_mask
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.inference.closer_look_file import LONG_SIDE, Map
from segpipe.report import closer_look
from segpipe.report.jpeg import jpeg
from segpipe.scores import extremes

CAPTIONS = ("image", "truth", "prediction", "errors")


@dataclass(frozen=True)
class Example:
    """An image with its Dice, and the JPEG bytes of a picture for each of `CAPTIONS`, and of the confidence where it is known."""

    id: str
    dice: float
    pictures: tuple[bytes, ...]
    confidence: bytes | None


def best_and_worst(
    results: FoldResults, part: str, data: Pack, n: int, confidence: Mapping[str, Map]
) -> tuple[list[Example], list[Example]]:
    """The `n` images of a part with the highest Dice and those with the lowest, the extremes first; none in both."""
    best, worst = extremes.best_and_worst(results.dice[part], n)
    return (
        [_example(item, results, part, data, confidence.get(item)) for item in best],
        [_example(item, results, part, data, confidence.get(item)) for item in worst],
    )


def pictures(item: str, results: FoldResults, part: str, data: Pack, long_side: int) -> tuple[overlay.Picture, ...]:
    """A picture for each of `CAPTIONS`, shrunk to a long side of so many pixels."""
    image = shrink_image(data.image(item), long_side)
    truth = shrink_mask(data.mask(item), long_side)
    name = f"{part}/{item}.png"
    prediction = decode_mask(results.predictions[name].read(), name).astype(np.uint8)
    prediction = shrink_mask(prediction, long_side)
    palette = colours(len(data.info.classes))
    shown = overlay.displayed(image)
    return (
        shown,
        overlay.overlay(shown, truth, palette),
        overlay.overlay(shown, prediction, palette),
        overlay.errors(shown, truth, prediction),
    )


def _example(item: str, results: FoldResults, part: str, data: Pack, confidence: Map | None) -> Example:
    dice = results.dice[part][item]
    assert dice is not None, "only images with a Dice are chosen"
    shown = tuple(map(jpeg, pictures(item, results, part, data, LONG_SIDE)))
    return Example(item, dice, shown, None if confidence is None else jpeg(closer_look.heat(confidence)))
