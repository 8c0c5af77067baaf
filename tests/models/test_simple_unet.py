"""The preset: a U-Net of its own widths that reads nothing of params but its name."""

import torch

from segpipe.models.layers.style import Style
from segpipe.models.simple_unet import WIDTHS
from segpipe.models.table import build
from segpipe.models.unet import unet
from tests.models.suite import PARAMS, images
from tests.models.test_unet import double_conv_size

NAMED = PARAMS.model_copy(update={"name": "simple_unet"})


def test_is_the_unet_of_its_widths() -> None:
    torch.manual_seed(0)
    built = build(NAMED, 3, 2)
    torch.manual_seed(0)
    same = unet(3, 2, WIDTHS, Style("relu", "batch", 0.0, "transposed"))
    assert torch.equal(built.network.eval()(images(1, 3, 16, 24)), same.eval()(images(1, 3, 16, 24)))
    assert (built.stride, built.weights_sha256) == (8, None)


def test_size() -> None:
    encoder = sum(double_conv_size(*pair) for pair in [(3, 16), (16, 32), (32, 64), (64, 128)])
    decoder = sum(4 * 2 * own * own + own + double_conv_size(2 * own, own) for own in (64, 32, 16))
    assert sum(weight.numel() for weight in build(NAMED, 3, 2).network.parameters()) == encoder + decoder + 16 * 2 + 2 == 482_754
