"""Spatial attention against equation 3 of CBAM (Woo et al. 2018)."""

import pytest
import torch

from segpipe.models.layers.spatial_attention import SpatialAttention


def test_value_by_hand_at_a_pixel() -> None:
    """Only the middle of the kernel is not 0: 2 times the mean minus once the largest channel."""
    attention = SpatialAttention()
    torch.nn.init.zeros_(attention.conv.weight)
    with torch.no_grad():
        attention.conv.weight[0, :, 3, 3] = torch.tensor([2.0, -1.0])
    features = torch.tensor([1.0, -4.0, 6.0]).view(1, 3, 1, 1).expand(1, 3, 2, 5)
    wanted = torch.sigmoid(torch.tensor(2.0 * 1.0 - 6.0))
    torch.testing.assert_close(attention.attention(features), wanted.expand(1, 1, 2, 5))
    torch.testing.assert_close(attention(features), wanted * features)


@pytest.mark.parametrize(("row", "column", "reached"), [(0, 0, True), (0, 6, True), (0, 7, False), (4, 3, False)])
def test_it_sees_7_x_7_pixels(row: int, column: int, reached: bool) -> None:
    attention = SpatialAttention()
    features = torch.zeros(1, 4, 9, 9)
    before = attention.attention(features)[0, 0, row, column]
    features[0, :, 0, 3] = 1.0
    assert bool(attention.attention(features)[0, 0, row, column] != before) == reached


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_one_map_for_all_channels_in_0_to_1_and_98_weights(channels: int) -> None:
    attention = SpatialAttention()
    features = 100 * torch.randn(2, channels, 3, 11)
    found = attention.attention(features)
    assert found.shape == (2, 1, 3, 11)
    assert ((found >= 0) & (found <= 1)).all()
    assert torch.equal(attention(features), features * found)
    # Two maps of 7 x 7, no bias.
    assert {name: tuple(weight.shape) for name, weight in attention.named_parameters()} == {"conv.weight": (1, 2, 7, 7)}


def test_the_order_of_channels_means_nothing() -> None:
    attention = SpatialAttention()
    features = torch.randn(1, 6, 8, 8)
    torch.testing.assert_close(attention.attention(features), attention.attention(features.flip(1)))
