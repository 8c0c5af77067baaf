"""The best and the worst predictions, as small pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from segpipe.dataset.pack import Pack
from segpipe.evaluation import FoldResults
from segpipe.images import overlay
from segpipe.images.decode import decode_mask
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask

LONG_SIDE = 400
"""Pixels: larger pictures are shrunk, or the page of a data set of photographs would weigh 50 MB."""
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
CAPTIONS = ("image", "truth", "prediction", "errors")


@dataclass(frozen=True)
class Example:
    """An image with its Dice, and the JPEG bytes of a picture for each of `CAPTIONS`."""

    id: str
    dice: float
    pictures: tuple[bytes, ...]


def best_and_worst(results: FoldResults, part: str, data: Pack, n: int) -> tuple[list[Example], list[Example]]:
    """The `n` images of a part with the highest Dice and those with the lowest, the extremes first; none in both."""
    best, worst = choose(results.dice[part], n)
    return [_example(item, results, part, data) for item in best], [_example(item, results, part, data) for item in worst]


def choose(dice: Mapping[str, float | None], n: int) -> tuple[list[str], list[str]]:
    """The ids of the `n` best and the `n` worst, ties by id; images without a Dice are left out.

    Of fewer than 2n images each goes to the nearer end.
    """
    order = sorted((value, item) for item, value in dice.items() if value is not None)
    worst = [item for _, item in order[: min(n, len(order) // 2)]]
    best = [item for _, item in sorted(order[len(worst) :], key=lambda pair: (-pair[0], pair[1]))[:n]]
    return best, worst


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


def _example(item: str, results: FoldResults, part: str, data: Pack) -> Example:
    dice = results.dice[part][item]
    assert dice is not None, "only images with a Dice are chosen"
    return Example(item, dice, tuple(map(jpeg, pictures(item, results, part, data, LONG_SIDE))))


def jpeg(picture: overlay.Picture) -> bytes:
    """A picture's JPEG bytes, small and without visible loss."""
    # Red in JPEG bleeds where colour is stored at half resolution, hence 4:4:4.
    return bytes(cv2.imencode(".jpg", picture[:, :, ::-1], JPEG)[1])
