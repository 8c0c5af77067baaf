"""The U-Net against the paper's figure 1."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers.style import ACTIVATIONS, Style, widths
from segpipe.models.layers.u_shape import UShape
from segpipe.models.unet import unet as build
from segpipe.params.schema import ModelParams


def unet(
    width: int | tuple[int, ...] = 4,
    depth: int = 3,
    activation: str = "relu",
    dropout: float = 0.0,
    norm: str = "batch",
    upsample: str = "transposed",
) -> UShape:
    return build(3, 2, widths(width, depth + 1), Style(activation, norm, dropout, upsample))


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


@pytest.mark.parametrize(("norm", "layer"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("instance", nn.InstanceNorm2d)])
def test_every_convolution_of_a_block_has_the_normalisation_asked_for(norm: str, layer: type[nn.Module]) -> None:
    network = unet(depth=2, norm=norm)
    blocks = [*network.encoder.blocks, *network.decoder.blocks]
    assert [[type(module) for module in block][1::3] for block in blocks] == [[type(blocks[0][1])] * 2] * 5
    assert isinstance(blocks[0][1], layer)
    assert torch.isfinite(network(torch.rand(1, 3, 8, 8))).all()


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_every_level_is_enlarged_as_asked_for(upsample: str) -> None:
    network = unet(depth=2, upsample=upsample)
    transposed = [isinstance(up, nn.ConvTranspose2d) for up in network.decoder.up]
    assert transposed == [upsample == "transposed"] * 2
    assert network(torch.rand(2, 3, 8, 12)).shape == (2, 2, 8, 12)


def test_listed_widths_are_those_of_the_levels() -> None:
    network = unet(width=(5, 3, 8), depth=2)
    assert [block[0].out_channels for block in network.encoder.blocks] == [5, 3, 8]
    assert [(block[0].in_channels, block[0].out_channels) for block in network.decoder.blocks] == [(6, 3), (10, 5)]
    encoder = sum(double_conv_size(*pair) for pair in [(3, 5), (5, 3), (3, 8)])
    decoder = 4 * 8 * 3 + 3 + double_conv_size(6, 3) + 4 * 3 * 5 + 5 + double_conv_size(10, 5)
    assert sum(weight.numel() for weight in network.parameters()) == encoder + decoder + 5 * 2 + 2


def test_is_figure_1_written_out_level_by_level() -> None:
    """An independent U-Net of two levels, in functions, with the network's own weights."""
    network = unet(depth=1, upsample="transposed").eval()
    weights = network.state_dict()

    def block(features: Tensor, name: str) -> Tensor:
        for conv, norm in ((0, 1), (3, 4)):
            features = F.conv2d(features, weights[f"{name}.{conv}.weight"], padding=1) / (1 + 1e-5) ** 0.5
            features = features * weights[f"{name}.{norm}.weight"].view(-1, 1, 1) + weights[f"{name}.{norm}.bias"].view(-1, 1, 1)
            features = features.clamp(min=0)
        return features

    image = torch.rand(2, 3, 6, 8)
    top = block(image, "encoder.blocks.0")
    below = block(F.max_pool2d(top, 2), "encoder.blocks.1")
    larger = F.conv_transpose2d(below, weights["decoder.up.0.weight"], weights["decoder.up.0.bias"], stride=2)
    last = block(torch.cat([top, larger], dim=1), "decoder.blocks.0")
    torch.testing.assert_close(network(image), F.conv2d(last, weights["head.weight"], weights["head.bias"]))
