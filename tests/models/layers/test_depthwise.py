"""Depthwise convolutions: float32 inside under autocast, the same names and values, and the gradients of a plain one."""

from collections.abc import Callable

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import grad

from segpipe.models.layers import depthwise
from segpipe.models.layers.depthwise import DepthwiseConv2d, use_in
from tests.models.suite import images


def pair(**keys: int) -> tuple[nn.Sequential, nn.Sequential]:
    """A depthwise convolution, plain and replaced, with the same weights."""
    torch.manual_seed(0)
    keys = {"kernel_size": 5} | keys
    plain = nn.Sequential(nn.Conv2d(6, 6, groups=6, **keys))
    replaced = nn.Sequential(nn.Conv2d(6, 6, groups=6, **keys))
    replaced.load_state_dict(plain.state_dict())
    use_in(replaced)
    return plain, replaced


@pytest.mark.parametrize("keys", [{"bias": True}, *({"bias": False, "kernel_size": side} for side in (3, 5, 7))])
def test_without_autocast_every_bit_of_the_output_is_that_of_the_plain_one(keys: dict[str, int]) -> None:
    plain, replaced = pair(stride=2, padding=2, **keys)
    image = images(2, 6, 17, 22)
    wanted, found = plain(image), replaced(image)
    assert torch.equal(wanted, found)
    wanted.square().sum().backward()
    found.square().sum().backward()
    for (name, weight), other in zip(plain.named_parameters(), replaced.parameters(), strict=True):
        assert weight.grad is not None and other.grad is not None
        torch.testing.assert_close(weight.grad, other.grad, msg=name)


@given(
    st.tuples(st.integers(1, 8), st.integers(1, depthwise.WIDEST)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from([5, 10]),
)
def test_gradients_in_columns_are_those_of_the_whole(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], more: tuple[int, int], n_maps: int
) -> None:
    height, width = (max(1, side - 2 * pad) + extra for side, pad, extra in zip(kernel, padding, more, strict=True))
    features, weight = images(2, 5, height, width), images(n_maps, 1, *kernel)

    def gradients(convolve: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
        given = [each.to(dtype).requires_grad_() for each in (features, weight)]
        output = convolve(*given)
        return output, *torch.autograd.grad(output.square().sum(), given)

    found = gradients(lambda *both: depthwise._InColumns.apply(*both, stride, padding), torch.float32)
    # By torch alone, and with twice the digits.
    wanted = gradients(lambda *both: F.conv2d(*both, None, stride, padding, groups=5), torch.float64)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


def test_a_kernel_of_which_a_part_sees_nothing_of_the_features_learns_too() -> None:
    plain, replaced = pair(kernel_size=7, padding=2, bias=False)
    for each in (plain, replaced):
        each(images(2, 6, 9, 3)).square().sum().backward()
    assert torch.equal(plain[0].weight.grad, replaced[0].weight.grad)


@pytest.mark.parametrize("autocast", [False, True])
def test_a_wide_kernel_is_taken_in_columns_and_gives_the_same_bits_again(autocast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    widths, real = [], grad.conv2d_weight

    def watched(features: Tensor, shape: tuple[int, ...], *others: object, **keys: object) -> object:
        widths.append(shape[3])
        return real(features, shape, *others, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(grad, "conv2d_weight", watched)
    found = []
    for _ in range(2):
        replaced = pair(padding=2, bias=False)[1]
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            replaced(images(2, 6, 16, 16)).float().square().sum().backward()
        found.append(replaced[0].weight.grad)
    assert widths == [3, 2] * 2
    assert torch.equal(*found)


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
