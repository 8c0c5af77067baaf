"""Only large images are shrunk, and masks keep their classes."""

import numpy as np
import pytest

from segpipe.images import resize


@pytest.mark.parametrize(
    ("size", "long_side", "wanted"),
    [((100, 200), 0, (100, 200)), ((100, 200), 50, (25, 50)), ((100, 200), 300, (100, 200)), ((1, 999), 100, (1, 100))],
)
def test_only_large_images_are_shrunk(size: tuple[int, int], long_side: int, wanted: tuple[int, int]) -> None:
    assert resize.shrunk_size(*size, long_side) == wanted
    assert resize.shrink_image(np.zeros((*size, 1), np.uint8), long_side).shape == (*wanted, 1)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_shrinking_keeps_the_channels_and_the_mean(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 65536, (40, 80, channels)).astype(np.uint16)
    small = resize.shrink_image(image, 20)
    assert small.shape == (10, 20, channels)
    assert small.dtype == np.uint16
    assert abs(small.mean() - image.mean()) < 1


def test_shrinking_a_mask_invents_no_class() -> None:
    mask = np.random.default_rng(0).choice([0, 7, 255], (50, 70)).astype(np.uint8)
    assert set(np.unique(resize.shrink_mask(mask, 20))) <= {0, 7, 255}
