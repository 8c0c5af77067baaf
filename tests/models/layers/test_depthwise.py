"""Depthwise convolutions under autocast: float32 inside, the same names, and nothing else than before without autocast."""

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from segpipe.models.layers.depthwise import DepthwiseConv2d, use_in
from tests.models.suite import images


def pair(**keys: int) -> tuple[nn.Sequential, nn.Sequential]:
    """A depthwise convolution, plain and replaced, with the same weights."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(6, 6, 5, groups=6, **keys))
    replaced = nn.Sequential(nn.Conv2d(6, 6, 5, groups=6, **keys))
    replaced.load_state_dict(plain.state_dict())
    use_in(replaced)
    return plain, replaced


def test_without_autocast_every_bit_is_that_of_the_plain_one() -> None:
    plain, replaced = pair(stride=2, padding=2)
    image = images(2, 6, 17, 22)
    wanted, found = plain(image), replaced(image)
    assert torch.equal(wanted, found)
    wanted.square().sum().backward()
    found.square().sum().backward()
    for (name, weight), other in zip(plain.named_parameters(), replaced.parameters(), strict=True):
        assert weight.grad is not None and other.grad is not None
        assert torch.equal(weight.grad, other.grad), name


def test_under_autocast_the_weights_are_not_rounded_and_the_output_is_bfloat16() -> None:
    plain, replaced = pair(padding=2)
    image = images(2, 6, 16, 16).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        found = replaced(image)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, plain(image.float()).to(torch.bfloat16))


def test_gradients_under_autocast_are_float32() -> None:
    replaced = pair(padding=2)[1]
    with torch.autocast("cpu", torch.bfloat16):
        loss = replaced(images(2, 6, 16, 16)).float().square().sum()
    loss.backward()
    assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in replaced.parameters())


def test_only_plain_depthwise_convolutions_are_replaced() -> None:
    class Own(nn.Conv2d):
        def forward(self, image: Tensor) -> Tensor:
            return image

    network = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(1, 4, 3), Own(4, 4, 3, groups=4))
    before = list(network)
    use_in(network)
    assert list(network) == before


def test_a_network_keeps_its_names_its_weights_and_the_random_numbers() -> None:
    network = smp.create_model("Unet", "tu-efficientnet_lite0", encoder_weights=None, classes=3).eval()
    names, image = list(network.state_dict()), images(1, 3, 64, 96)
    state = torch.get_rng_state()
    with torch.no_grad():
        before = network(image)
        use_in(network)
        assert torch.equal(network(image), before)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(network.state_dict()) == names
    assert sum(isinstance(module, DepthwiseConv2d) for module in network.modules()) == 16
