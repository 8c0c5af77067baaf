"""Masks that lie on what images show, and masks that do not."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.diagnostics.mask_edges import FEWEST_PAIRS, edge_fit

Batch = tuple[NDArray[Any], NDArray[np.uint8]]


def discs(count: int, seed: int, contrast: float = 0.5, channels: int = 3) -> Batch:
    """Noisy images with one disc each, and its mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :48]
    images, masks = [], []
    for _ in range(count):
        row, column, radius = rng.integers(12, 36), rng.integers(12, 36), rng.integers(5, 11)
        mask = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        noise = rng.normal(0, 0.05, (channels, 48, 48))
        images.append((0.3 + contrast * mask + noise).astype(np.float32))
        masks.append(mask.astype(np.uint8))
    return np.stack(images), np.stack(masks)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_masks_of_what_is_there_fit(channels: int, dtype: type) -> None:
    images, masks = discs(20, 0, channels=channels)
    fit = edge_fit([((images * 200).astype(dtype), masks)])
    assert fit and fit.fits and fit.z > 10
    assert 18 <= fit.images <= 20, "two discs may lie in one place"
    assert fit.own > 0.95
    assert 0.4 < fit.other < 0.9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "spoil",
    [
        lambda masks: np.roll(masks, 1, axis=0),
        lambda masks: np.roll(masks, 24, axis=(1, 2)),
        lambda masks: masks[:, ::-1],
        lambda masks: masks.transpose(0, 2, 1),
    ],
    ids=["of other images", "shifted by half", "mirrored", "turned"],
)
def test_masks_of_something_else_do_not(spoil: Any, seed: int) -> None:
    batches = [discs(8, 10 * seed + number) for number in range(6)]
    fit = edge_fit([(images, spoil(masks)) for images, masks in batches])
    assert fit and not fit.fits
    healthy = edge_fit(batches)
    assert healthy and healthy.fits


def test_images_without_edges_fit_nothing() -> None:
    fit = edge_fit([discs(20, 0, contrast=0.0)])
    assert fit and not fit.fits


def test_too_few_borders_tell_nothing() -> None:
    images, masks = discs(FEWEST_PAIRS - 1, 0)
    assert edge_fit([(images, masks)]) is None
    assert edge_fit([discs(1, number) for number in range(30)]) is None, "an image has no other beside it"
    assert edge_fit([(images, np.zeros_like(masks))] * 9) is None
    assert edge_fit([(images, np.full_like(masks, 255))] * 9) is None
    assert edge_fit([]) is None


def test_masks_that_are_alike_cannot_be_told_apart() -> None:
    images, masks = discs(30, 0)
    assert edge_fit([(images, np.repeat(masks[:1], 30, axis=0))]) is None


def test_the_border_of_what_is_ignored_is_none() -> None:
    images, masks = discs(30, 0)
    assert edge_fit([(images, masks * 255)]) is None
