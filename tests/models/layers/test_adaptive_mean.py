"""Pooling by products, against torch's own."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from segpipe.models.layers.adaptive_mean import AdaptiveMean, use_in
from tests.models.suite import images


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (6, 12), (7, 31)])
def test_value_and_gradient_are_those_of_torchs_pooling(size: int, height: int, width: int) -> None:
    ours, theirs = (images(2, 3, height, width).requires_grad_() for _ in range(2))
    found, wanted = AdaptiveMean(size)(ours), nn.AdaptiveAvgPool2d(size)(theirs)
    torch.testing.assert_close(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("architecture", ["PSPNet", "UPerNet"])
def test_networks_compute_what_they_did(architecture: str) -> None:
    network = smp.create_model(architecture, "mobilenet_v2", encoder_weights=None, classes=3).eval()
    names = list(network.state_dict())
    image = images(1, 3, 96, 160)
    with torch.no_grad():
        before = network(image)
        use_in(network)
        torch.testing.assert_close(network(image), before, rtol=1e-4, atol=1e-5)
    assert list(network.state_dict()) == names
    assert sum(isinstance(module, AdaptiveMean) for module in network.modules()) == 3
