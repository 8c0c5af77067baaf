"""The U-Net with a ResNet encoder, against torchvision's own ResNet and counts by hand."""

import pytest
import torch
from torchvision import models

from segpipe.models.layers.resnet_encoder import RESNETS, ResNetEncoder
from segpipe.models.layers.style import Style
from segpipe.models.resnet_unet import resnet_unet
from segpipe.params import architectures
from tests.models.suite import images, small
from tests.models.test_unet import double_conv_size

STYLE = Style("relu", "batch", 0.0, "transposed")
DECODER = (256, 128, 64, 32, 16)

WITHOUT_CLASSIFIER = {"resnet18": 11_689_512 - 513_000, "resnet34": 21_797_672 - 513_000, "resnet50": 25_557_032 - 2_049_000}
"""torchvision's documented numbers of weights, less those of 1000 classes."""


@pytest.mark.parametrize(("name", "skips"), [("resnet18", (256, 128, 64, 64)), ("resnet50", (1024, 512, 256, 64))])
def test_size(name: str, skips: tuple[int, ...]) -> None:
    below = (2 * skips[0], *DECODER[:-1])
    up = sum(4 * inner * own + own for inner, own in zip(below, DECODER, strict=True))
    blocks = sum(double_conv_size(own + skip, own) for own, skip in zip(DECODER, (*skips, 0), strict=True))
    head = DECODER[-1] * 5 + 5
    network = resnet_unet(ResNetEncoder(name, 3), 5, DECODER[::-1], STYLE)
    assert sum(weight.numel() for weight in network.parameters()) == WITHOUT_CLASSIFIER[name] + up + blocks + head


@pytest.mark.parametrize("name", RESNETS)
def test_the_encoder_computes_what_torchvision_computes(name: str) -> None:
    encoder = ResNetEncoder(name, 3).eval()
    whole = models.get_model(name, weights=None).eval()
    missing, unexpected = whole.load_state_dict(encoder.state_dict(), strict=False)
    assert (missing, unexpected) == (["fc.weight", "fc.bias"], [])
    image = images(1, 3, 64, 96)
    with torch.no_grad():
        features = encoder(image)
        assert torch.equal(whole.fc(whole.avgpool(features[-1]).flatten(1)), whole(image))
    assert [tuple(each.shape[2:]) for each in features] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [each.shape[1] for each in features] == encoder.channels
    assert sum(weight.numel() for weight in encoder.parameters()) == WITHOUT_CLASSIFIER[name]


def test_the_first_skip_is_the_stems_relu_before_its_pooling() -> None:
    encoder, image = ResNetEncoder("resnet18", 3).eval(), images(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(encoder(image)[0], encoder.bn1(encoder.conv1(image)).relu())


def test_the_encoders_are_those_that_params_allows() -> None:
    assert tuple(RESNETS) == architectures.RESNETS


@pytest.mark.parametrize("channels", [1, 5])
def test_a_first_layer_of_other_channels_starts_as_torchvisions(channels: int) -> None:
    torch.manual_seed(0)
    own, theirs = ResNetEncoder("resnet18", channels).conv1, models.resnet18(weights=None).conv1
    assert own.weight.shape == (64, channels, 7, 7)
    assert (own.stride, own.padding, own.bias) == (theirs.stride, theirs.padding, theirs.bias)
    assert 0.95 < own.weight.std() / theirs.weight.std() < 1.05


def test_traces_for_any_size() -> None:
    segmenter = small("resnet_unet").eval()
    free = torch.export.Dim.DYNAMIC
    shapes = {"image": {0: free, 2: free, 3: free}}
    program = torch.export.export(segmenter, (images(2, 3, 61, 93),), dynamic_shapes=shapes)
    # Its guards are about memory layouts, which ONNX, what this is for, does not have.
    traced = program.module(check_guards=False)
    for size in ((1, 3, 33, 47), (3, 3, 130, 64)):
        with torch.no_grad():
            torch.testing.assert_close(traced(images(*size)), segmenter(images(*size)), rtol=1e-4, atol=1e-5)
