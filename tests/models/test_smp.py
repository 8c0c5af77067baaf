"""segmentation_models_pytorch by name: what works, and what is said of what does not."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder

from segpipe.errors import PipelineError
from segpipe.inference.attention_maps import has_attention
from segpipe.models.pretrained import adapt, sha256_of_tensors
from segpipe.models.segmenter import Segmenter
from segpipe.models.smp import LARGER_STRIDES, OF_TRANSFORMERS, build
from segpipe.models.table import build as build_by_name
from segpipe.params.architectures import ARCHITECTURES as RECORDS
from segpipe.params.schema import stride_of
from tests.models.suite import SMALL, images

ARCHITECTURES = [architecture.__name__ for architecture in smp.MODEL_ARCHITECTURES_MAPPING.values()]
ENCODERS = dict.fromkeys(ARCHITECTURES, "mobilenet_v2") | {"DPT": "tu-vit_tiny_patch16_224"}
OTHER_PAIRS = [
    ("PAN", "tu-resnet18"),
    ("Unet", "mit_b0"),
    ("DPT", "tu-vit_small_patch8_224"),
    ("DPT", "tu-vit_small_patch14_dinov2"),
    ("DPT", "tu-vit_small_patch32_224"),
    ("DPT", "tu-eva02_tiny_patch14_224"),
]
NEED_TWO_IMAGES = {"DeepLabV3", "DeepLabV3Plus", "PAN", "UPerNet"}
"""They normalise over a batch of single pixels, which has no spread when the batch is one image."""


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_and_learns_from_any_size(architecture: str) -> None:
    network, stride = build(architecture, ENCODERS[architecture], 3, 4)
    segmenter = Segmenter(network, stride, [0.0] * 3, [1.0] * 3)
    logits = segmenter(images(2 if architecture in NEED_TWO_IMAGES else 1, 3, 33, 47))
    assert logits.shape[1:] == (4, 33, 47)
    logits.square().mean().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters() if weight.grad is not None)


@pytest.mark.parametrize(("architecture", "encoder"), [*ENCODERS.items(), *OTHER_PAIRS])
def test_the_record_is_that_of_the_network(architecture: str, encoder: str) -> None:
    params = SMALL["smp"].model_copy(update={"architecture": architecture, "encoder": encoder})
    built = build_by_name(params, 3, 1)
    stride = stride_of(params)
    assert built.stride == stride
    with torch.no_grad():
        # As training and tiles give it: unpadded.
        assert built.network.eval()(torch.zeros(1, 3, stride, 3 * stride)).shape == (1, 1, stride, 3 * stride)
    assert has_attention(Segmenter(built.network, stride, [0.0] * 3, [1.0] * 3)) == RECORDS["smp"].has_attention


def patch_in_timm(name: str) -> int | None:
    """The stride of the network that DPT would take, from timm's own record of it; None where it takes none of that name."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(TimmViTEncoder(name, pretrained=False, dynamic_img_size=True).output_stride)
        except Exception:  # Each network refuses in its own way what it does not know.
            return None


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(timm.list_models(["*dinov2", "vit_small*", "flexivit_small"]), id="few"),
        pytest.param(timm.list_models(), id="all", marks=pytest.mark.slow),
    ],
)
def test_the_stride_follows_from_the_name_of_every_transformer_that_timm_has(names: list[str]) -> None:
    """Without timm: what a decoder of whole factors can reach is smp's 32, any other patch is the stride."""
    patches = {name: patch for name in names if (patch := patch_in_timm(name))}
    wanted = {name: 32 if 32 % patch == 0 else patch for name, patch in patches.items()}
    changes = ({"architecture": "DPT", "encoder": f"tu-{name}"} for name in wanted)
    assert [stride_of(SMALL["smp"].model_copy(update=each)) for each in changes] == [*wanted.values()]
    assert set(wanted.values()) == {14, 32}
    # A name may say which trained weights are meant.
    tagged = SMALL["smp"].model_copy(update={"architecture": "DPT", "encoder": "tu-vit_small_patch14_dinov2.lvd142m"})
    assert stride_of(tagged) == 14


def test_a_patch_is_the_stride_of_transformers_alone() -> None:
    assert OF_TRANSFORMERS in RECORDS["smp"].patched
    for name, architecture in (("smp", "Unet"), ("unet", "DPT")):
        changes = {"architecture": architecture, "encoder": "tu-vit_small_patch14_dinov2", "depth": 4}
        assert stride_of(SMALL[name].model_copy(update=changes)) == {"smp": 32, "unet": 16}[name]


@pytest.mark.parametrize("architecture", LARGER_STRIDES)
def test_a_larger_stride_is_needed(architecture: str) -> None:
    network, stride = build(architecture, "mobilenet_v2", 3, 1)
    with pytest.raises(RuntimeError), torch.no_grad():
        network.eval()(torch.zeros(1, 3, stride // 2, stride // 2))
    assert RECORDS["smp"].strides == LARGER_STRIDES


def test_a_trial_leaves_the_network_as_it_was() -> None:
    network, _ = build("Unet", "mobilenet_v2", 3, 4)
    assert all(module.training for module in network.modules())
    moments = {name: value for name, value in network.state_dict().items() if name.endswith("running_mean")}
    assert not any(value.any() for value in moments.values())


@pytest.mark.parametrize(
    ("architecture", "encoder", "message"),
    [
        ("Unett", "resnet18", r"model.architecture: smp knows no Unett\. Did you mean Unet"),
        ("fpn", "resnet18", r"model.architecture: smp knows no fpn\. Did you mean FPN"),
        ("qqqqqqq", "resnet18", r"model.architecture: smp knows no qqqqqqq\. All names are at https"),
        ("Unet", "renset18", r"model.encoder: smp knows no renset18\. Did you mean resnet18"),
        ("Unet", "ResNet18", r"model.encoder: smp knows no ResNet18\. Did you mean resnet18"),
        (
            "Unet",
            "tu-resnet18.nonsense",
            r"smp's Unet does not work with the encoder tu-resnet18.nonsense \(Invalid pretrained tag",
        ),
        ("UnetPlusPlus", "mit_b0", r"smp's UnetPlusPlus does not work with the encoder mit_b0 \(UnetPlusPlus is not support"),
        ("DPT", "resnet18", r"smp's DPT does not work with the encoder resnet18 \(Only Timm encoders"),
        ("Unet", "tu-levit_128s", r"smp's Unet does not work with the encoder tu-levit_128s \(Unsupported model"),
        ("Unet", "tu-efficientformer_l1", r"smp's Unet does not work with the encoder tu-efficientformer_l1 \(The size"),
    ],
)
def test_what_does_not_work_is_told_by_name(architecture: str, encoder: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        build(architecture, encoder, 3, 1)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_imagenet_is_smps_own_download(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = smp.encoders.get_encoder("mobilenet_v2", weights=None).state_dict()
    save_file(source, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(smp.encoders, "hf_hub_download", lambda repo, filename, revision: str(tmp_path / filename))
    built = build_by_name(SMALL["smp"].model_copy(update={"weights": "imagenet"}), channels, 1)
    assert built.weights_sha256 == sha256_of_tensors(source)
    own = built.network.get_submodule("encoder").state_dict()
    first, *others = source
    assert all(torch.equal(own[name], source[name]) for name in others)
    assert torch.equal(own[first], adapt(source[first], own[first].shape))


def test_imagenet_without_the_internet_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> str:
        raise OSError("no route to huggingface.co")

    monkeypatch.setattr(smp.encoders, "hf_hub_download", offline)
    with pytest.raises(
        PipelineError, match=r"could not be downloaded \(no route.*name a local file in model.weights instead, or none"
    ):
        build_by_name(SMALL["smp"].model_copy(update={"weights": "imagenet"}), 3, 1)


def test_an_encoder_without_imagenet_weights_says_which_it_has() -> None:
    params = SMALL["smp"].model_copy(update={"encoder": "dpn68b", "weights": "imagenet"})
    with pytest.raises(PipelineError, match=r"Available options are: \['imagenet\+5k'\]"):
        build_by_name(params, 3, 1)
