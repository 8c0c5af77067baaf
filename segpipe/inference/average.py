"""The mean probability over predictions of an image, by its flips, its sizes or several models, in the place of logits."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from segpipe.params.schema import InferParams

Logits = Callable[[Tensor], Tensor]
"""(1, C, H, W) values to logits (1, K, H, W)."""

VIEWS = {"none": 1, "horizontal": 2, "both": 4, "all": 8}
"""How many views of an image each rule of infer.flips takes, of those that `_turned` numbers."""


def over_views(forward: Logits, params: InferParams) -> Logits:
    """The mean over all views that infer.scales and infer.flips take: of each size all flips."""
    return over_scales(over_flips(forward, params.flips), params.scales)


def over_flips(forward: Logits, flips: str) -> Logits:
    """The mean over the image and its flips, as infer.flips says; the function itself for none.

    As the sums are paired, a flip of the image flips the mean to the bit, where it does so to what is averaged.
    """
    if flips == "none":
        return forward

    def mean(image: Tensor) -> Tensor:
        views = range(VIEWS[flips])
        return mean_logits([_back(forward(_turned(image, view)), view) for view in views])

    return mean


def over_scales(forward: Logits, scales: Sequence[float]) -> Logits:
    """The mean over the image at these sizes, each brought back to its own; the function itself for its own size alone.

    Sides are rounded to whole pixels. Both ways are bilinear, and antialiased where a side becomes smaller.
    """
    if [*scales] == [1.0]:
        return forward
    return lambda image: mean_logits([_at_scale(forward, image, scale) for scale in scales])


def over_models(forwards: Sequence[Logits], see: Callable[[Sequence[Tensor]], object] | None = None) -> Logits:
    """The mean over several models of the same classes; the function itself for one. `see` is shown what each model gives."""
    if len(forwards) == 1:
        return forwards[0]

    def mean(image: Tensor) -> Tensor:
        logits = [forward(image) for forward in forwards]
        if see:
            see(logits)
        return mean_logits(logits)

    return mean


def mean_logits(predictions: Sequence[Tensor]) -> Tensor:
    """Logits (N, K, H, W) of several predictions to float32 ones whose softmax, or sigmoid for one, is their mean probability.

    NaN and infinite logits stay not finite. By logarithms: where a model is sure its probabilities are smaller than a sigmoid or
    softmax gives them, each to a bound of its own, and in ONNX Runtime to another than in torch.
    """
    one = predictions[0].shape[1] == 1
    logits = [_two(each.float()) if one else each.float() for each in predictions]
    mean = _log_mean([_kept_finite(each.log_softmax(dim=1), each) for each in logits])
    return _one(mean) if one else mean


def _two(logits: Tensor) -> Tensor:
    """(N, 1, H, W) to the logits (N, 2, H, W) of no object and object."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1)


def _one(logits: Tensor) -> Tensor:
    """What undoes `_two`."""
    return logits[:, 1:] - logits[:, :1]


def _kept_finite(logarithms: Tensor, logits: Tensor) -> Tensor:
    # 0 times an infinite logit is NaN: its probability, 0, would be hidden by that of another prediction.
    return logarithms + 0 * logits


def _log_mean(logarithms: Sequence[Tensor]) -> Tensor:
    """Of probabilities, by their logarithms."""
    largest = functools.reduce(torch.maximum, logarithms)
    sums = [(each - largest).exp() for each in logarithms]
    while len(sums) > 1:
        # Neighbours first: a flip of the image swaps them, then pairs of them, and a + b is b + a to the bit.
        pairs = zip(sums[::2], sums[1::2], strict=False)
        sums = [one + other for one, other in pairs] + sums[len(sums) // 2 * 2 :]
    return largest + (sums[0] / len(logarithms)).log()


def _at_scale(forward: Logits, image: Tensor, scale: float) -> Tensor:
    size = [*image.shape[-2:]]
    scaled = [max(1, round(scale * side)) for side in size]
    if scaled == size:
        return forward(image)
    values = F.interpolate(image, scaled, mode="bilinear", antialias=True).contiguous(memory_format=torch.channels_last)
    return F.interpolate(forward(values).float(), size, mode="bilinear", antialias=True)


def _turned(image: Tensor, view: int) -> Tensor:
    """Bit 2 of the view mirrors at the main diagonal, then bit 1 up and down, then bit 0 left and right."""
    turned = image.transpose(-1, -2) if view & 4 else image
    turned = turned.flip(-2) if view & 2 else turned
    turned = turned.flip(-1) if view & 1 else turned
    return turned.contiguous(memory_format=torch.channels_last)


def _back(logits: Tensor, view: int) -> Tensor:
    """What undoes `_turned`."""
    back = logits.flip(-1) if view & 1 else logits
    back = back.flip(-2) if view & 2 else back
    return back.transpose(-1, -2) if view & 4 else back
