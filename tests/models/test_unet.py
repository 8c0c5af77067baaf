"""The U-Net against the paper's figure 1."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.models.style import ACTIVATIONS, Style, widths
from segpipe.models.u_shape import UShape
from segpipe.models.unet import unet as build
from segpipe.params import ModelParams


def unet(width: int = 4, depth: int = 3, activation: str = "relu", dropout: float = 0.0) -> UShape:
    return build(3, 2, widths(width, depth + 1), Style(activation, "batch", dropout, "transposed"))


def double_conv_size(inner: int, outer: int) -> int:
    """Two 3 x 3 convolutions without bias, and two normalisations of a scale and a shift a channel."""
    return 9 * inner * outer + 9 * outer * outer + 4 * outer


def test_size_of_the_classic_unet() -> None:
    encoder = sum(double_conv_size(*pair) for pair in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)])
    up = sum(2 * own * own * 2 * 2 + own for own in (512, 256, 128, 64))
    decoder = sum(double_conv_size(2 * own, own) for own in (512, 256, 128, 64))
    head = 64 * 2 + 2
    assert encoder + up + decoder + head == 31_037_698
    assert sum(weight.numel() for weight in unet(64, 4).parameters()) == 31_037_698


def test_each_level_halves_the_image_and_doubles_the_channels() -> None:
    network, seen = unet(width=4, depth=3), []
    for block in [*network.encoder.blocks, *network.decoder.blocks]:
        block.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    network(torch.zeros(1, 3, 32, 48))
    down = [(4, 32, 48), (8, 16, 24), (16, 8, 12), (32, 4, 6)]
    assert seen == [*down, *down[-2::-1]]


def test_the_decoder_reads_the_map_of_its_own_level() -> None:
    network, inputs = unet(width=4, depth=2).eval(), []
    skips: list[Tensor] = []
    for block in network.encoder.blocks:
        block.register_forward_hook(lambda module, given, output: skips.append(output))
    for block in network.decoder.blocks:
        block.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    network(torch.rand(1, 3, 16, 16))
    assert torch.equal(inputs[0][:, :8], skips[1])
    assert torch.equal(inputs[1][:, :4], skips[0])


def test_dropout_follows_the_two_deepest_blocks() -> None:
    network = unet(depth=3, dropout=0.5)
    assert [isinstance(list(block.children())[-1], nn.Dropout2d) for block in network.encoder.blocks] == [
        False,
        False,
        True,
        True,
    ]
    assert not any(isinstance(module, nn.Dropout2d) for module in network.decoder.modules())
    assert not any(isinstance(module, nn.Dropout2d) for module in unet(dropout=0.0).modules())


def test_activations_are_those_that_params_allows() -> None:
    assert set(ACTIVATIONS) == set(ModelParams.model_fields["activation"].annotation.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_block_has_the_activation_asked_for(activation: str) -> None:
    network = unet(depth=2, activation=activation)
    found = [module for module in network.modules() if isinstance(module, ACTIVATIONS[activation])]
    assert len(found) == 2 * (3 + 2)
    assert torch.isfinite(network(torch.rand(2, 3, 8, 8))).all()


@pytest.mark.parametrize("depth", [1, 6])
def test_shallowest_and_deepest(depth: int) -> None:
    assert unet(width=1, depth=depth)(torch.rand(2, 3, 2**depth, 2 * 2**depth)).shape == (2, 2, 2**depth, 2 * 2**depth)
