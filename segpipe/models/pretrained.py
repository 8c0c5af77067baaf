"""An encoder's first weights, as model.weights says: none, the library's own download, or a local file."""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.params.schema import ModelParams, trained_inputs

Tensors = Mapping[str, Tensor]

NONE, IMAGENET = "none", "imagenet"
HEADS = {"fc", "_fc", "classifier", "head", "last_linear"}
"""What a classifier's last layer is called; an encoder has no use for it."""
PREFIXES = ("", "module.", "encoder.", "model.", "features.", "backbone.", "network.encoder.")
"""What training scripts and libraries put before an encoder's names."""


def start(encoder: nn.Module, weights: str, sha256: str, download: Callable[[], Tensors]) -> str | None:
    """Gives the encoder the weights that `weights` names, and returns their SHA-256, of the file or of all numbers.

    None for `none`. Raises PipelineError where the weights are not to be had, cannot be read, do not fit or have another
    SHA-256 than `sha256`, which a file must have: DVC sees parameters, and would not see that the file is another one.
    """
    if weights == NONE:
        return None
    if weights == IMAGENET:
        tensors = _downloaded(download)
        found = sha256_of_tensors(tensors)
        if sha256 != NONE:
            _require(weights, sha256, found)
        fill(encoder, tensors, weights)
        return found
    tensors, found = read(Path(weights), sha256)
    fill(encoder, tensors, weights)
    return found


def read(path: Path, sha256: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a .safetensors, .pth or .pt file by name, and the SHA-256 of the very bytes they came from.

    Nothing in it is run: safetensors hold no code, and torch reads the others as tensors only. Raises PipelineError.
    """
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        raise PipelineError(f"model.weights: {path} is none of .safetensors, .pth and .pt. Name such a file, imagenet or none.")
    if not path.is_file():
        raise PipelineError(f"model.weights: {path}: no such file. Name a file that is there, imagenet or none.")
    try:
        # Read once: the file may be another one by the time it is opened again.
        raw = path.read_bytes()
    except OSError as error:
        raise PipelineError(f"model.weights: {path} cannot be read ({error.strerror}). Mend its rights.") from None
    found = hashlib.sha256(raw).hexdigest()
    _require(str(path), sha256, found)
    try:
        safe = path.suffix == ".safetensors"
        content: Any = load(raw) if safe else torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
        inner = content.get("state_dict", content)
        tensors = {str(name): tensor for name, tensor in inner.items() if isinstance(tensor, Tensor)}
    except Exception as error:  # Damaged files raise whatever their reader stumbles over.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PipelineError(
            f"model.weights: {path} cannot be read ({reason}). Name a file of tensors by name, as torch.save(model.state_dict()) "
            "writes it; what would have to run code to be read is not read."
        ) from None
    if not tensors:
        raise PipelineError(f"model.weights: {path} holds no tensors by name. Name a file of a model's state_dict.")
    return tensors, found


def _require(weights: str, wanted: str, found: str) -> None:
    """Raises PipelineError where the hash is missing or another, before anything is read out of the bytes."""
    if wanted == NONE:
        raise PipelineError(
            f"model.weights_sha256: none, but model.weights names {weights}. Write {found} there, if that is the file you mean: "
            "a file that changes then stops the training instead of changing it unseen."
        )
    if wanted != found:
        raise PipelineError(
            f"model.weights: {weights} has the SHA-256 {found}, not {wanted} as model.weights_sha256 says. "
            "Bring the right file, or write its hash."
        )


def fill(encoder: nn.Module, tensors: Tensors, source: str) -> None:
    """Copies the tensors into the encoder, all or none of them. Raises PipelineError that says what does not fit.

    Classifiers are left out, prefixes may differ, and a first convolution of 3 channels is adapted to the encoder's.
    """
    own = _without_heads(encoder.state_dict())
    given = _without_heads(_renamed(tensors, own))
    given = {name: adapt(tensor, own[name].shape) if name in own else tensor for name, tensor in given.items()}
    # Old files do not have this count, which only a momentum of None would read.
    missing = [name for name in own if name not in given and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in given if name not in own]
    shapes = [
        f"{name} {_size(given[name])} for {_size(tensor)}"
        for name, tensor in own.items()
        if name in given and given[name].shape != tensor.shape
    ]
    problems = {"missing": missing, "too much": unexpected, "of another shape": shapes}
    if any(problems.values()):
        found = "; ".join(f"{len(names)} {what} ({_few(names)})" for what, names in problems.items() if names)
        raise PipelineError(
            f"model.weights: {source} does not fit this encoder: {found}. Name weights of the encoder in model.encoder, or none."
        )
    # In the encoder's own type: a float64 beyond the range of float32 becomes infinite there.
    broken = [name for name, tensor in given.items() if not bool(tensor.to(own[name].dtype).isfinite().all())]
    if broken:
        raise PipelineError(
            f"model.weights: {source} holds numbers that are not finite (in {_few(broken)}), so nothing can be learned from it. "
            "Name another file, imagenet or none."
        )
    # Into the encoder itself, whose memory its state dict shares.
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)


def adapt(weight: Tensor, shape: torch.Size) -> Tensor:
    """A convolution's weight (out, 3, h, w) for another number of channels, so that its response stays as strong.

    For one channel the sum over the three: a gray image gives what it gave. For N, repeated in turn and scaled by 3 / N,
    as smp and timm do. Any other weight as it is.
    """
    if weight.ndim != 4 or len(shape) != 4 or weight.shape[1] != 3 or shape[1] == 3:
        return weight
    channels = shape[1]
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    return weight[:, [channel % 3 for channel in range(channels)]] * (3 / channels)


def about_input(params: ModelParams, normalise: str, channels: int) -> str:
    """A line of advice where `params.weights` know another input than input.normalise gives; nothing where it may be theirs.

    torchvision's weights want ImageNet's mean and deviation. What a file wants, or another library's encoder, does not stand in
    the weights: nearly all are trained on that or on -1 .. 1. Either rule is for photos, so other channels get no advice.
    """
    fitting = trained_inputs(params)
    if not fitting or channels != 3 or normalise in fitting:
        return ""
    known = "were trained on" if len(fitting) == 1 else "were most likely trained on"
    return f"advice: input.normalise is {normalise}, but the encoder's weights {known} {' or '.join(fitting)}"


def sha256_of_tensors(tensors: Tensors) -> str:
    """The SHA-256 of the tensors' bytes in the order of their names, in hexadecimal."""
    digest = hashlib.sha256()
    for _, tensor in sorted(tensors.items()):
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _downloaded(download: Callable[[], Tensors]) -> Tensors:
    try:
        return download()
    except Exception as error:  # urllib, httpx, huggingface_hub and torch have no error in common.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PipelineError(
            f"model.weights: imagenet could not be downloaded ({reason}). It needs the internet the first time; "
            "name a local file in model.weights instead, or none."
        ) from error


def _renamed(tensors: Tensors, own: Tensors) -> dict[str, Tensor]:
    """The tensors with one prefix taken off and one put on: those two by which most names are the encoder's."""
    choices = [{put + name.removeprefix(off): tensor for name, tensor in tensors.items()} for off in PREFIXES for put in PREFIXES]
    # The first of equals: names as they are come before any renamed ones.
    return max(choices, key=lambda choice: len(choice.keys() & own.keys()))


def _without_heads(tensors: Tensors) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not HEADS & set(name.split("."))}


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "number"
