"""Random and degenerate pairs of masks for the tests of scores: true and predicted class ids of one image."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from segpipe.record import IGNORE

Mask = NDArray[np.uint8]
KINDS = ("noise", "noise", "blocks", "blocks", "dot", "whole", "equal", "ignored")
CLASSES = 3


@st.composite
def pairs(draw: st.DrawFn, largest: int = 14) -> tuple[Mask, Mask]:
    """(H, W) truth and prediction of three classes: noise, blocks, single pixels, whole images, equal ones, all ignored."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    size = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    kind, seen_kind = draw(st.sampled_from(KINDS)), draw(st.sampled_from(KINDS[:-2]))
    truth, seen = _mask(kind, size, rng), _mask(seen_kind, size, rng)
    if draw(st.booleans()):
        truth[rng.random(size) < 0.15] = IGNORE
    return truth, np.where(truth == IGNORE, seen, truth) if kind == "equal" else seen


def _mask(kind: str, size: tuple[int, int], rng: np.random.Generator) -> Mask:
    found = np.zeros(size, np.uint8)
    if kind in ("noise", "equal"):
        found[:] = rng.integers(0, CLASSES, size)
    elif kind == "blocks":
        for number in range(1, CLASSES):
            top, left = (int(rng.integers(0, side)) for side in size)
            found[top : top + 1 + int(rng.integers(6)), left : left + 1 + int(rng.integers(6))] = number
    elif kind == "dot":
        found[tuple(int(rng.integers(0, side)) for side in size)] = 1
    else:
        found[:] = IGNORE if kind == "ignored" else rng.integers(0, CLASSES)
    return found


def other_under_ignored(truth: Mask, seen: Mask) -> Mask:
    """The prediction, with every ignored pixel predicted as something else."""
    return np.where(truth == IGNORE, (seen + 1) % CLASSES, seen).astype(np.uint8)
