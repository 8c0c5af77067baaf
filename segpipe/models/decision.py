"""How probabilities become class ids: the largest, those above a threshold, or those that raise an image's expected Dice."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.models.argmax import largest
from segpipe.models.segmenter import classes_of, probabilities_of
from segpipe.params.decision import Decision


@dataclass(frozen=True)
class ExpectedDice:
    """Of each class of an image: its expected Dice (K,), and the pixels in its prediction and its truth together (K,).

    A class whose Dice is infinite is given to no pixel.
    """

    dice: NDArray[np.float64]
    pixels: NDArray[np.float64]


def decide(logits: Tensor, decision: Decision) -> Tensor:
    """(..., K, H, W) logits to (..., H, W) class ids, uint8, by what looks at a pixel alone: the threshold, else argmax."""
    if decision.rule == "threshold":
        return (logits[..., 0, :, :] > bound_of(decision)).view(torch.uint8)
    return classes_of(logits)


def bound_of(decision: Decision) -> float:
    """What a single logit must be above to be the object."""
    # The logarithm of 1 is 0: a half is argmax to the bit.
    return math.log(decision.threshold / (1 - decision.threshold)) if decision.rule == "threshold" else 0.0


def expected_dice(counts: NDArray[np.int64]) -> ExpectedDice:
    """From the (K, levels) number of an image's pixels by the level of each class's probability (`scores/levels.py`).

    A class's pixels are taken in falling order of their probability p, as many as make the expected Dice largest:

        D(V) = 2 * sum of the V largest p / (V + sum of all p)

    the approximation of RankSEG's expectation (Dai and Li, JMLR 2023) that takes the size of the truth for its mean, as Wang and
    Dai do (2025). All sums are of whole numbers, so nothing depends on their order.
    """
    top = counts.shape[1] - 1
    falling = counts[:, ::-1]
    taken = np.cumsum(falling, axis=1)
    won = np.cumsum(falling * np.arange(top, -1, -1), axis=1)
    pixels = taken + won[:, -1:] / top
    dice = 2 * won / top / np.maximum(pixels, 1e-12)
    best = dice.argmax(axis=1)
    rows = np.arange(len(counts))
    found = dice[rows, best]
    # A class that is likely nowhere would be given its best pixels all the same.
    absent = counts[:, (top + 1) // 2 :].sum(axis=1) == 0
    if not absent.all():
        found[absent] = np.inf
    return ExpectedDice(found, np.maximum(pixels[rows, best], 1e-12))


def by_expected_dice(logits: Tensor, expected: ExpectedDice, decision: Decision) -> NDArray[np.uint8]:
    """(K, H, W) logits to the (H, W) class ids that raise the sum of the classes' expected Dice most, pixel by pixel.

    One more pixel of probability p raises a class's Dice D, of so many pixels N, by some (2 p - D) / N. Background raises none:
    it has the pixels by which every class would lose.
    """
    probabilities = probabilities_of(logits).cpu().numpy()
    gains = np.empty(probabilities.shape, np.float32)
    for number, plane in enumerate(probabilities):
        dice, pixels = float(expected.dice[number]), float(expected.pixels[number])
        gains[number] = -np.inf if math.isinf(dice) else (2 * plane - np.float32(dice)) / np.float32(pixels)
    if decision.has_background:
        gains[0] = 0
    return largest(gains)
