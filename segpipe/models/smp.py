"""Any architecture and encoder of segmentation_models_pytorch, by the names that its documentation has."""

import difflib
from functools import partial
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.models import bundled, pretrained, vit_weights
from segpipe.models.layers import adaptive_mean
from segpipe.models.layers.patch_dpt import PatchDPT
from segpipe.models.table import Built
from segpipe.params.schema import ModelParams

STRIDE = 32
LARGER_STRIDES = {"PAN": 128}
"""PAN halves its bottom, a 16th of the image, three times more."""
OF_TRANSFORMERS = "DPT"
"""The architecture that takes timm's vision transformers; a patch that STRIDE is no multiple of is the stride itself."""


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network of `params.architecture` and `params.encoder`, its encoder started from `params.weights`."""
    network, stride = build(params.architecture, params.encoder, in_channels, n_logits)
    return Built(network, stride, start(network.get_submodule("encoder"), params))


def start(encoder: nn.Module, params: ModelParams) -> str | None:
    """Gives the encoder the weights that `params` names, last of all; returns their SHA-256, None for none."""
    if params.weights == bundled.BUNDLED:
        return bundled.start(encoder, params)
    if params.architecture == OF_TRANSFORMERS and params.weights not in (pretrained.NONE, pretrained.IMAGENET):
        tensors, found = pretrained.read(Path(params.weights), params.weights_sha256)
        named = vit_weights.named_as_timm(tensors, encoder.get_submodule("model"), params.weights)
        pretrained.fill(encoder, named, params.weights)
        return found
    download = partial(imagenet, params.architecture, params.encoder)
    return pretrained.start(encoder, params.weights, params.weights_sha256, download)


def build(architecture: str, encoder: str, in_channels: int, n_logits: int) -> tuple[nn.Module, int]:
    """The network without trained weights, and its stride. Its `encoder` is a module of its own.

    Raises PipelineError for an unknown name, and for a pair that does not fit or knows only one size of images.
    """
    encoders = [*smp.encoders.encoders, *(f"tu-{name}" for name in timm.list_models())]
    _check("model.architecture", architecture, [each.__name__ for each in smp.MODEL_ARCHITECTURES_MAPPING.values()])
    # timm names trained weights behind a dot.
    _check("model.encoder", encoder.partition(".")[0], encoders)
    try:
        network = _create(architecture, encoder, None, in_channels, n_logits)
        stride = network.stride if isinstance(network, PatchDPT) else LARGER_STRIDES.get(architecture, STRIDE)
        _try_out(network, in_channels, stride)
    except Exception as error:  # smp, timm and torch raise whatever comes to hand.
        raise PipelineError(
            f"model: smp's {architecture} does not work with the encoder {encoder} ({_first_line(error)}). "
            "Write another model.architecture or model.encoder, for example Unet and resnet18."
        ) from error
    return network, stride


def imagenet(architecture: str, encoder: str) -> dict[str, Tensor]:
    """The encoder's ImageNet weights, which smp or timm downloads once."""
    weights: str | bool = True if encoder.startswith("tu-") else "imagenet"
    tensors: dict[str, Tensor] = _create(architecture, encoder, weights, 3, 1).encoder.state_dict()
    return tensors


def _create(architecture: str, encoder: str, weights: str | bool | None, in_channels: int, n_logits: int) -> Any:
    # A vision transformer expects one size unless told otherwise.
    extra = {"dynamic_img_size": True} if architecture == OF_TRANSFORMERS else {}
    network = smp.create_model(architecture, encoder, encoder_weights=weights, in_channels=in_channels, classes=n_logits, **extra)
    if architecture == OF_TRANSFORMERS and STRIDE % network.encoder.output_stride:
        return PatchDPT(network.encoder, n_logits)
    adaptive_mean.use_in(network.decoder)
    return network


def _check(key: str, name: str, known: list[str]) -> None:
    """Raises PipelineError for a name that smp does not know, with those that look like it."""
    if name in known:
        return
    spelled = {each.lower(): each for each in known}
    near = [spelled[each] for each in difflib.get_close_matches(name.lower(), spelled, n=3)]
    hint = f"Did you mean {', '.join(near)}?" if near else "All names are at https://smp.readthedocs.io."
    raise PipelineError(f"{key}: smp knows no {name}. {hint}")


def _try_out(network: nn.Module, in_channels: int, stride: int) -> None:
    """One small image: what knows only one size of images fails here and not in the first epoch."""
    with torch.no_grad():
        # Evaluation mode: in training, batch normalisation refuses one image pooled to one pixel (DeepLab's).
        network.eval()(torch.zeros(1, in_channels, 2 * stride, 3 * stride))
    network.train()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
