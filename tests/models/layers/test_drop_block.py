"""DropBlock against algorithm 1 and equation 1 of Ghiasi et al. 2018: what is dropped, how much, and what it is scaled by."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segpipe.models.layers.drop_block import DropBlock, drop_block

SIZES = [(32, 32, 7), (31, 45, 7), (16, 24, 6), (9, 9, 7), (8, 8, 7), (9, 30, 8), (12, 13, 1), (7, 7, 7), (5, 20, 7), (1, 1, 7)]


def dropped(height: int, width: int, rate: float, size: int, images: int = 4, channels: int = 64) -> Tensor:
    """(N, C, H, W): what is zeroed of ones."""
    torch.manual_seed(0)
    return drop_block(torch.ones(images, channels, height, width), rate, size) == 0


def expected_share(height: int, width: int, rate: float, size: int) -> float:
    """Pixel by pixel: 1 - (1 - gamma) to the number of squares that cover it, with equation 1's gamma."""
    size = min(size, height, width)
    starts = (height - size + 1) * (width - size + 1)
    gamma = rate / size**2 * height * width / starts

    def covering(length: int) -> NDArray[np.int64]:
        return np.array([sum(start <= at < start + size for start in range(length - size + 1)) for at in range(length)])

    return float(np.mean(1 - (1 - gamma) ** np.outer(covering(height), covering(width))))


@pytest.mark.parametrize("rate", [0.1, 0.18, 0.5])
@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_as_much_is_dropped_as_equation_1_makes_of_the_rate(height: int, width: int, size: int, rate: float) -> None:
    shares = dropped(height, width, rate, size).float().mean(dim=(2, 3)).flatten()
    error = 4 * float(shares.std()) / len(shares) ** 0.5
    assert float(shares.mean()) == pytest.approx(expected_share(height, width, rate, size), abs=error)


def test_squares_meet_so_a_little_less_than_the_rate_is_dropped() -> None:
    """The paper calls equation 1 an approximation. This is how good it is."""
    assert expected_share(256, 256, 0.18, 7) == pytest.approx(0.165, abs=0.001)
    assert expected_share(256, 256, 0.18, 7) == pytest.approx(1 - np.exp(-0.18), abs=0.001)
    assert expected_share(256, 256, 0.05, 7) == pytest.approx(0.05, rel=0.03)
    # Where squares cannot meet it is exact: one square fills the map, or squares are single pixels.
    assert expected_share(7, 7, 0.3, 7) == pytest.approx(0.3)
    assert expected_share(12, 13, 0.3, 1) == pytest.approx(0.3)


@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 9), st.integers(0, 1000))
@settings(max_examples=50)
def test_what_is_dropped_is_made_of_whole_squares_inside_the_map(height: int, width: int, size: int, seed: int) -> None:
    torch.manual_seed(seed)
    zeros = (drop_block(torch.ones(1, 3, height, width), 0.3, size) == 0).float()
    side = min(size, height, width)
    whole = 1 - F.max_pool2d(1 - zeros, side, stride=1)
    grown = F.max_pool2d(F.pad(whole, [side - 1] * 4), side, stride=1)
    assert torch.equal(grown, zeros)


def test_squares_are_of_the_size_asked_for() -> None:
    """Seldom enough that most stand alone: then the zeros of a map are one square."""
    zeros = dropped(40, 40, 0.01, 5, channels=200)
    counts = zeros.sum(dim=(2, 3)).flatten()
    assert (counts == 25).sum() > 50
    assert ((counts == 0) | (counts >= 25)).all()


def test_channels_and_images_have_squares_of_their_own() -> None:
    zeros = dropped(16, 16, 0.3, 5, images=3, channels=4)
    assert len({each.numpy().tobytes() for each in zeros.flatten(0, 1)}) == 12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_each_image_keeps_its_mean_whatever_its_neighbours_lose(dtype: torch.dtype) -> None:
    """131 072 pixels an image, more than fp16 can count."""
    torch.manual_seed(0)
    found = drop_block(torch.ones(3, 8, 128, 128, dtype=dtype), 0.4, 60)
    assert found.dtype == dtype
    left = (found != 0).float().mean(dim=(1, 2, 3))
    assert len({*left.tolist()}) == 3
    precision = {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 8e-3}[dtype]
    torch.testing.assert_close(found.float().mean(dim=(1, 2, 3)), torch.ones(3), rtol=precision, atol=0)
    for image, share in zip(found, left, strict=True):
        values = image[image != 0].float()
        assert values.min() == values.max() == pytest.approx(1 / float(share), rel=precision)


def test_gradient_flows_where_it_was_kept_and_is_scaled_alike() -> None:
    torch.manual_seed(0)
    features = torch.ones(2, 3, 12, 12, requires_grad=True)
    found = drop_block(features, 0.3, 5)
    found.sum().backward()
    assert torch.equal(features.grad, found.detach())


def test_a_map_that_is_dropped_whole_gives_zeros() -> None:
    torch.manual_seed(0)
    found = torch.cat([drop_block(torch.ones(1, 1, 7, 7), 0.5, 7) for _ in range(10)])
    assert torch.isfinite(found).all()
    assert {*found.sum(dim=(1, 2, 3)).tolist()} == {0.0, 49.0}


def test_the_seed_alone_decides() -> None:
    features = torch.rand(2, 4, 16, 16)

    def drawn(seed: int, features: Tensor) -> Tensor:
        torch.manual_seed(seed)
        return drop_block(features, 0.3, 5)

    first = drawn(1, features)
    assert torch.equal(first, drawn(1, features))
    assert torch.equal(first, drawn(1, features.contiguous(memory_format=torch.channels_last)))
    assert not torch.equal(first, drawn(2, features))


def test_the_layer_drops_in_training_by_its_progress_and_never_in_evaluation() -> None:
    torch.manual_seed(0)
    layer, features = DropBlock(0.4, 5), torch.ones(8, 16, 20, 20)

    def share(progress: float) -> float:
        layer.progress = progress
        return float((layer(features) == 0).float().mean())

    assert share(1.0) == pytest.approx(expected_share(20, 20, 0.4, 5), abs=0.03)
    assert share(0.25) == pytest.approx(expected_share(20, 20, 0.1, 5), abs=0.02)
    assert share(0.0) == 0
    layer.eval()
    assert share(1.0) == 0
    assert layer(features) is features
    assert layer.state_dict() == {}
