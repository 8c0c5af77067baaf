"""EfficientNet-Lite as an encoder, against smp's of the same weights, and the first weights it takes."""

from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from segpipe.models.bundled import PACKAGES
from segpipe.models.layers.lite_encoder import LiteEncoder
from segpipe.models.pretrained import sha256_of_tensors
from segpipe.models.table import build
from segpipe.storage.files import sha256_of
from tests.models.suite import SMALL, images

LITE0 = "tu-efficientnet_lite0"
PARAMS = SMALL["pretrained_attention_r2unet"].model_copy(update={"encoder": LITE0})


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_computes_what_smps_encoder_computes(name: str, channels: int) -> None:
    own, theirs = LiteEncoder(name, channels).eval(), smp.encoders.get_encoder(name, channels, weights=None).eval()
    theirs.load_state_dict(own.state_dict())
    image = images(1, channels, 64, 96)
    with torch.no_grad():
        features, (_, *wanted) = own(image), theirs(image)
    assert all(torch.equal(one, other) for one, other in zip(features, wanted, strict=True))
    assert [tuple(each.shape[2:]) for each in features] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [each.shape[1] for each in features] == own.channels


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lite0.safetensors"
    given = timm.create_model("efficientnet_lite0").state_dict()
    # A classifier's convolution and what follows it are no part of the encoder.
    save_file({name: tensor for name, tensor in given.items() if not name.startswith(("conv_head", "bn2"))}, path)
    built = build(PARAMS.model_copy(update={"weights": str(path), "weights_sha256": sha256_of(path)}), 3, 1)
    own = built.network.get_submodule("encoder").state_dict()
    assert built.weights_sha256 == sha256_of(path)
    assert all(torch.equal(tensor, given[name.removeprefix("model.")]) for name, tensor in own.items())


def test_imagenet_is_timms_own_download(monkeypatch: pytest.MonkeyPatch) -> None:
    source, create = LiteEncoder(LITE0, 3), timm.create_model

    def downloaded(name: str, pretrained: bool, **how: object) -> nn.Module:
        return source.model if pretrained else create(name, pretrained=False, **how)

    monkeypatch.setattr(timm, "create_model", downloaded)
    built = build(PARAMS.model_copy(update={"weights": "imagenet"}), 3, 1)
    assert built.weights_sha256 == sha256_of_tensors(source.state_dict())
    assert torch.equal(built.network.get_submodule("encoder.model.conv_stem").weight, source.model.conv_stem.weight)
