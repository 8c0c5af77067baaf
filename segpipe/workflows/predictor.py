"""A trained model as a function from an image to its classes and probabilities: what `segpipe.load` gives."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import decode_image, with_channels
from segpipe.inference import onnx_session
from segpipe.inference.average import over_flips, over_models
from segpipe.inference.predict import Forward, predict_classes
from segpipe.inference.trust import Trust
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.origin import image_kind
from segpipe.models.segmenter import Segmenter, probabilities_of
from segpipe.training import device as devices

ARRAY = "the array"
"""What an image without a file is called in a sentence."""


@dataclass(frozen=True)
class Predicted:
    """`ids` (H, W) uint8 are class ids, `probabilities` (K, H, W) float32 in [0, 1] those of each class.

    `trust`, from 0 to 1, ranks images: how well several models agree, or how sure one is (segpipe/inference/trust.py).
    """

    ids: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    trust: float


@dataclass(frozen=True)
class Predictor:
    """A model on `device`, the mean of its `members`. Its `card` says what it was trained on and how it predicts."""

    members: tuple[Forward, ...]
    card: Card
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their ids."""
        return self.card.classes

    def predict(self, image: str | os.PathLike[str] | NDArray[Any]) -> Predicted:
        """The classes of an image, a file or an array (H, W) or (H, W, C) uint8 or uint16, and their probabilities.

        Gray is taken for RGB where the model knows RGB. Large images are cut into overlapping tiles as in training. Raises
        DataError for a file that cannot be read, and for an image of another kind than the model was trained on.
        """
        name = ARRAY if isinstance(image, np.ndarray) else os.fspath(image)
        pixels = _pixels(image) if isinstance(image, np.ndarray) else decode_image(_content(Path(name)), name)
        fitting = fit(pixels, self.card, name)
        with as_trained(self.card):
            forward, trust = self.watched()
            card = self.card
            found = predict_classes(forward, fitting, card.infer, card.long_side, self.device, name, card.decision)
            trust.see_block(found.logits)
            return Predicted(found.classes, probabilities_of(found.logits).cpu().numpy(), trust.score())

    def watched(self) -> tuple[Forward, Trust]:
        """The forward function for one image, and what counts how well the members agree on it."""
        trust = Trust(len(self.card.classes), self.card.has_background, len(self.members), self.card.decision)
        return over_models(self.members, trust.see_models), trust


def load_all(files: Sequence[Path], device: str = "auto") -> Predictor:
    """The model of one file, or the mean of several. Raises PipelineError as `load` and `averaged` do."""
    # An ONNX model runs on the CPU, and what is averaged with it has to be there too.
    alike = "cpu" if device == "auto" and any(file.suffix == ".onnx" for file in files) else device
    return averaged([load(file, alike) for file in files], [*map(str, files)])


def averaged(models: Sequence[Predictor], names: Sequence[str]) -> Predictor:
    """A model that gives the mean probability of several, and cuts large images into tiles as the first does.

    Where they do not take the same flips, as an ONNX file that has its own inside and the model.safetensors that it was made of,
    each takes those of its card.

    Raises PipelineError, with their names, for models of other classes or images than the first.
    """
    first = models[0]
    for model, name in zip(models[1:], names[1:], strict=True):
        if reasons := _differences(model.card, first.card):
            raise PipelineError(f"{name} cannot be averaged with {names[0]}: {'; '.join(reasons)}. Name models of the same data.")
    if len({model.card.infer.flips for model in models}) == 1:
        return replace(first, members=tuple(forward for model in models for forward in model.members))
    own = tuple(over_flips(forward, model.card.infer.flips) for model in models for forward in model.members)
    return replace(first, members=own, card=first.card.without_flips())


def _differences(one: Card, other: Card) -> list[str]:
    """What keeps two models from being averaged."""
    found = []
    if (one.classes, one.has_background) != (other.classes, other.has_background):
        found.append(f"its classes are {', '.join(one.classes)}, those of the other {', '.join(other.classes)}")
    kinds = [image_kind(card.channels, card.bits) for card in (one, other)]
    if kinds[0] != kinds[1]:
        found.append(f"it knows {kinds[0]} images, the other {kinds[1]} ones")
    if one.long_side != other.long_side:
        found.append(f"its input.long_side is {one.long_side}, that of the other {other.long_side}")
    return found


def load(path: Path, device: str = "auto") -> Predictor:
    """The model of the file on the device, auto, cpu or cuda.

    Raises PipelineError for a file that is none of ours or damaged, and for a device that there is not.
    """
    if path.suffix == ".onnx":
        if device == "cuda":
            raise PipelineError(f"device cuda: {path} is an ONNX model, which runs on the CPU. Load the model.safetensors.")
        forward, card = onnx_session.load(path)
        return Predictor((forward,), card, torch.device("cpu"))
    segmenter, card = model_file.load(path)
    return on_device(segmenter, card, devices.select_device(device))


def on_device(segmenter: Segmenter, card: Card, device: torch.device) -> Predictor:
    """One model, where it is to compute."""
    return Predictor((segmenter.to(memory_format=torch.channels_last).to(device),), card, device)


def fit(pixels: NDArray[Any], card: Card, name: str) -> NDArray[Any]:
    """(H, W, C) with as many channels as the model knows. Raises DataError for another kind of image than that."""
    require_kind(pixels.shape[2], 8 * pixels.dtype.itemsize, card, name)
    return with_channels(pixels, card.channels)


def require_kind(channels: int, bits: int, card: Card, name: str) -> None:
    """Raises DataError for an image of other channels or bits than the model knows; gray is RGB, too."""
    if (channels, bits) not in ((card.channels, card.bits), (1 if card.channels == 3 else card.channels, card.bits)):
        wanted = image_kind(card.channels, card.bits)
        problem = f"an image that is {image_kind(channels, bits)}, but the model knows {wanted} ones"
        raise DataError(name, problem, f"Save it as {wanted}, as the training images are.")


@contextlib.contextmanager
def as_trained(card: Card) -> Iterator[None]:
    """Computes with the threads of the training and by deterministic operations, and restores the caller's settings."""
    threads, readers, mode = torch.get_num_threads(), cv2.getNumThreads(), torch.get_deterministic_debug_mode()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    benchmark = torch.backends.cudnn.benchmark
    devices.configure_determinism(card.training["params"]["threads"], deterministic=True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(readers)
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = benchmark


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror}", "Name an image file.") from None


def _pixels(array: NDArray[Any]) -> NDArray[Any]:
    """The array as (H, W, C). Raises DataError for one that is no image of 8 or 16 bits."""
    if array.dtype not in (np.uint8, np.uint16):
        remedy = "Give the values of the file, uint8 or uint16: the model scales them itself."
        raise DataError(ARRAY, f"an image of {array.dtype} values", remedy)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(ARRAY, f"no image, but of shape {array.shape}", "Give one image, (H, W) or (H, W, C).")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])
