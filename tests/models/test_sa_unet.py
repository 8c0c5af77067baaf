"""SA-UNet against figure 2 of Guo et al. 2021 and its number of parameters."""

import pytest
import torch
from torch import nn

from segpipe.models.layers.drop_block import DropBlock
from segpipe.models.layers.spatial_attention import SpatialAttention
from segpipe.models.layers.style import Style, widths
from segpipe.models.layers.u_shape import PassThrough, UShape
from segpipe.models.sa_unet import sa_unet

SD = [nn.Conv2d, DropBlock, nn.BatchNorm2d, nn.ReLU]
"""The paper's structured dropout convolution."""


def network(width: int = 4, depth: int = 3, rate: float = 0.18, upsample: str = "transposed", logits: int = 1) -> UShape:
    torch.manual_seed(0)
    return sa_unet(3, logits, widths(width, depth + 1), rate, 7, Style("relu", "batch", 0.0, upsample))


def test_size_of_the_papers_network() -> None:
    """The paper says 0.54 M; the authors' Keras code makes 537 299 weights that learn and 1 408 statistics of normalisation.

    Counted from SA_UNet.py: 3 x 3 convolutions with biases, 3 x 3 transposed convolutions with biases, a scale and a shift a
    normalised channel, 7 x 7 x 2 of spatial attention without a bias, and a 1 x 1 head for one logit.
    """

    def conv(inner: int, outer: int) -> int:
        return 9 * inner * outer + outer

    down = sum(conv(*pair) for pair in [(3, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)])
    up = sum(conv(2 * own, own) + conv(2 * own, own) + conv(own, own) for own in (64, 32, 16))
    normalised = 2 * (16 + 32 + 64 + 128) + 2 * (64 + 32 + 16)
    assert down + 98 + up + 2 * normalised + (16 + 1) == 537_299
    model = network(16, 3)
    assert sum(weight.numel() for weight in model.parameters()) == 537_299
    statistics = sum(value.numel() for name, value in model.named_buffers() if "running" in name)
    assert statistics == 1_408
    assert round((537_299 + statistics) / 1e6, 2) == 0.54


def test_every_convolution_has_dropblock_and_normalisation_behind_it() -> None:
    model = network()
    *above, bottom = ([type(layer) for layer in block] for block in model.encoder.blocks)
    assert above == 3 * [SD + SD]
    assert bottom == [*SD, SpatialAttention, *SD]
    assert [[type(layer) for layer in block] for block in model.decoder.blocks] == 3 * [SD + SD]
    assert all(isinstance(gate, PassThrough) for gate in model.decoder.gates)
    drops = [module for module in model.modules() if isinstance(module, DropBlock)]
    assert [(drop.rate, drop.size) for drop in drops] == 14 * [(0.18, 7)]


def test_attention_is_single_channel_and_at_the_bottom_alone() -> None:
    model, seen = network(depth=2).eval(), []
    attentions = [module for module in model.modules() if isinstance(module, SpatialAttention)]
    assert len(attentions) == 1
    attentions[0].conv.register_forward_hook(lambda module, given, output: seen.append(tuple(output.shape)))
    model(torch.rand(2, 3, 12, 20))
    assert seen == [(2, 1, 3, 5)]


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_it_doubles_the_size_both_ways(upsample: str) -> None:
    model = network(depth=2, upsample=upsample)
    kinds = {type(layer) for layer in model.decoder.up}
    assert kinds == {nn.ConvTranspose2d if upsample == "transposed" else nn.Sequential}
    assert model(torch.rand(2, 3, 12, 20)).shape == (2, 1, 12, 20)


def test_training_drops_and_evaluation_does_not() -> None:
    model, image = network(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert not torch.equal(model(image), model(image))
        model.eval()
        assert torch.equal(model(image), model(image))


def test_without_dropblock_training_repeats_itself() -> None:
    model, image = network(rate=0.0), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(model(image), model(image))
