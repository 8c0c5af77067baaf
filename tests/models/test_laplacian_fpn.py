"""The pyramid of logits: what is summed, at which size, and how large it is."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.laplacian_fpn import LaplacianFPN, from_params
from segpipe.models.layers.lite_encoder import LiteEncoder
from segpipe.models.layers.resnet_encoder import ResNetEncoder
from segpipe.models.layers.style import Style
from tests.models.suite import SMALL, images
from tests.models.test_resnet_unet import WITHOUT_CLASSIFIER

STYLE = Style("relu", "batch", 0.0, "transposed")


def network(widths: Sequence[int] = (4, 6, 8), channels: int = 3, dropout: float = 0.0) -> LaplacianFPN:
    torch.manual_seed(0)
    style = Style("relu", "batch", dropout, "transposed")
    return LaplacianFPN(ResNetEncoder("resnet18", channels), channels, 2, widths, style).eval()


def silence(head: nn.Module) -> None:
    for weight in head.parameters():
        nn.init.zeros_(weight)


def test_without_the_finer_heads_the_logits_are_those_of_a_quarter_enlarged_twice() -> None:
    model, image = network(), images(1, 3, 64, 96)
    silence(model.heads[1])
    silence(model.heads[2])
    with torch.no_grad():
        _, *deeper = model.encoder(image)
        coarse = model.heads[0](model.pyramid(deeper))
        for _ in range(2):
            coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear")
        torch.testing.assert_close(model(image), coarse)
    assert coarse.shape == (1, 2, 64, 96)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_head_adds_its_own_logits(number: int) -> None:
    """The network is linear in each head: twice the weights of one add what is there beyond the other two."""
    model, image = network(), images(1, 3, 64, 64)
    with torch.no_grad():
        together = model(image)
        for weight in model.heads[number].parameters():
            weight.mul_(2)
        twice = model(image)
        silence(model.heads[number])
        without = model(image)
    torch.testing.assert_close(twice - together, together - without, rtol=1e-4, atol=1e-5)
    assert (together - without).abs().max() > 1e-3


@pytest.mark.parametrize("n_levels", [1, 2])
def test_without_the_widths_of_large_levels_the_logits_are_smaller(n_levels: int) -> None:
    """The levels that are left do what they do below the others."""
    whole, image = network(), images(1, 3, 64, 96)
    part = network(widths=(4, 6, 8)[-n_levels:])
    own = part.state_dict()
    assert own.keys() < whole.state_dict().keys()
    part.load_state_dict({name: whole.state_dict()[name] for name in own})
    silence(whole.heads[2])
    if n_levels == 1:
        silence(whole.heads[1])
    with torch.no_grad():
        logits = part(image)
        enlarged = logits
        for _ in range(3 - n_levels):
            enlarged = F.interpolate(enlarged, scale_factor=2, mode="bilinear")
        torch.testing.assert_close(whole(image), enlarged)
    assert logits.shape[2:] == ((32, 48) if n_levels == 2 else (16, 24))


@pytest.mark.parametrize("times", [1, 2, 4])
def test_an_enlarged_image_has_no_level_finer_than_its_pixels(times: int) -> None:
    built = from_params(SMALL["laplacian_fpn"].model_copy(update={"input_scale": times}), 3, 2)
    assert built.reduction == times
    assert built.network(images(2, 3, 64, 96)).shape == (2, 2, 64 // times, 96 // times)


def gradient_at(model: LaplacianFPN, size: int, row: int, column: int) -> Tensor:
    """How much each pixel of the image matters for the logits of one."""
    image = images(1, 3, size, size).requires_grad_()
    model(image)[0, :, row, column].sum().backward()
    assert image.grad is not None
    return image.grad.abs().sum(dim=(0, 1))


def test_full_size_sees_the_image_itself_and_nothing_far() -> None:
    model = network()
    silence(model.heads[0])
    silence(model.heads[1])
    # A half's map comes in by a convolution of 7 x 7 and one of 3 x 3 at a half: without it two convolutions of 3 x 3 are left.
    silence(model.finer[1].narrow)
    seen = gradient_at(model, 64, 20, 21).nonzero()
    assert seen.min(dim=0).values.tolist() == [18, 19]
    assert seen.max(dim=0).values.tolist() == [22, 23]


def test_the_deepest_map_reaches_every_pixel_by_the_pyramid() -> None:
    assert (gradient_at(network(), 64, 3, 60) > 0).all()


def test_a_level_of_the_pyramid_is_its_own_feature_and_the_deeper_ones() -> None:
    """By hand where all weights are one channel's identity: sums of what was enlarged."""
    pyramid = network(widths=(1, 1, 1)).pyramid
    features = [torch.zeros(1, channels, 16 >> level, 16 >> level) for level, channels in enumerate((64, 128, 256, 512))]
    features[3] += 1
    for lateral in pyramid.laterals:
        nn.init.zeros_(lateral.bias)
        nn.init.zeros_(lateral.weight)
        lateral.weight.data[0, 0] = 1
    for conv in (each for each in pyramid.paths.modules() if isinstance(each, nn.Conv2d)):
        nn.init.zeros_(conv.weight)
        conv.weight.data[:, :, 1, 1] = 1
    with torch.no_grad():
        found = pyramid(features)
    # The deepest feature is in all four levels, and each of them in the sum; normalisation of no statistics divides by this.
    shrunk = (1 + 1e-5) ** -0.5
    torch.testing.assert_close(found, torch.full((1, 1, 16, 16), sum(shrunk**convolutions for convolutions in (1, 1, 2, 3))))


def size_of(encoder: int, channels: Sequence[int], widths: Sequence[int], in_channels: int, n_logits: int) -> int:
    full, half, quarter = widths
    total = encoder + sum(channels[level] * quarter + quarter for level in (1, 2, 3, 4))
    # 1, 1, 2 and 3 convolutions of 3 x 3 with scale and shift.
    total += (1 + 1 + 2 + 3) * (9 * quarter**2 + 2 * quarter)
    total += quarter * half + channels[0] * half + 2 * half + 9 * half**2 + 2 * half
    total += half * full + 9 * in_channels * full + 2 * full + 9 * full**2 + 2 * full
    return total + sum(width * n_logits + n_logits for width in widths)


@pytest.mark.parametrize(("name", "channels"), [("resnet18", (64, 64, 128, 256, 512)), ("resnet50", (64, 256, 512, 1024, 2048))])
def test_size_on_a_resnet(name: str, channels: tuple[int, ...]) -> None:
    with torch.device("meta"):
        model = LaplacianFPN(ResNetEncoder(name, 3), 3, 5, (16, 48, 128), STYLE)
    expected = size_of(WITHOUT_CLASSIFIER[name], channels, (16, 48, 128), 3, 5)
    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_size_on_the_bundled_encoder() -> None:
    encoder = LiteEncoder("tu-efficientnet_lite0", 1)
    own = sum(weight.numel() for weight in encoder.parameters())
    model = LaplacianFPN(encoder, 1, 1, (16, 32, 64), STYLE)
    expected = size_of(own, (16, 24, 40, 112, 320), (16, 32, 64), 1, 1)
    assert sum(weight.numel() for weight in model.parameters()) == expected


def test_dropout_takes_whole_maps_of_the_pyramid_and_of_nothing_else() -> None:
    model = network(dropout=0.5)
    dropped = [name for name, module in model.named_modules() if isinstance(module, nn.Dropout2d)]
    assert dropped == ["dropout"]
    image = images(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(image), network(dropout=0.0)(image))
