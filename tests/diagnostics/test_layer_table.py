"""A network layer by layer: in the order of the calls, shared layers once, and nothing left out of the sums."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.diagnostics import cost
from segpipe.diagnostics.layer_table import Layer, layers
from segpipe.models.table import MODELS
from tests.models.suite import SMALL, small


class Strange(nn.Module):
    """Layers named against the order of their calls, one shared, one never called, one with a weight beside a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(4, 2, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.shared = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.idle = nn.Conv2d(4, 4, 1)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.nothing = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        features = self.nothing(self.first(image)) * self.scale
        out: Tensor = self.last(self.shared(self.shared(features)))
        return out


def test_layers_by_hand() -> None:
    # The whole is a layer too, since it has a weight of its own.
    assert layers(nn.Sequential(Strange()), (3, 8, 10)) == [
        Layer("0", "Strange", (2, 8, 10), 1, 80 * (9 * 3 * 4 + 2 * 9 * 4 * 4 + 4 * 2), 1),
        Layer("0.first", "Conv2d", (4, 8, 10), 9 * 3 * 4 + 4, 80 * 9 * 3 * 4, 1),
        Layer("0.shared", "Conv2d", (4, 8, 10), 9 * 4 * 4, 2 * 80 * 9 * 4 * 4, 2),
        Layer("0.last", "Conv2d", (2, 8, 10), 4 * 2 + 2, 80 * 4 * 2, 1),
        Layer("0.idle", "Conv2d", (), 4 * 4 + 4, 0, 0),
    ]


QUICK = ("unetpp", "attention_r2unet", "resnet_unet")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS])
def test_the_layers_add_up_to_the_whole(name: str) -> None:
    segmenter, size = small(name), (3, 64, 64)
    found = layers(segmenter, size)
    assert sum(each.parameters for each in found) == cost.n_parameters(segmenter)
    assert sum(each.multiply_adds for each in found) == cost.multiply_adds(segmenter, size)
    assert found[0].name.startswith("network.encoder")
    assert [each.shape for each in found if each.calls][-1][1:] == (64, 64)


def test_a_recurrent_layer_says_how_often_it_is_called() -> None:
    steps = SMALL["r2unet"].recurrence
    calls = {each.name: each.calls for each in layers(small("r2unet"), (3, 32, 32))}
    assert calls["network.encoder.blocks.0.layers.0.forward_conv"] == 1
    assert calls["network.encoder.blocks.0.layers.0.recurrent_conv"] == steps
    assert calls["network.encoder.blocks.0.layers.0.normal"] == steps + 1
