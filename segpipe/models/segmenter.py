"""The whole model: image values in, logits of the same size out. Normalisation and padding cannot be forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.argmax import largest


@dataclass(frozen=True)
class Scales:
    """How many times as large as the image the network's input is, and its logits are; both 1 where nothing is enlarged."""

    image: int = 1
    logits: int = 1


AS_IT_IS = Scales()


class Segmenter(nn.Module):
    """Maps (N, C, H, W) values in [0, 1] to logits (N, n_logits, H, W), for any H and W.

    Normalises by the channels' `mean` and `deviation`, enlarges by `scales.image` (bilinear), pads right and below to a
    multiple of `stride` with the mean colour, runs `network`, cuts the logits back, and averages those of a pixel. One logit
    stands for two classes, else there is one a class. With `clip`, normalised values outside [0, 1] are brought to its ends.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        stride: int,
        mean: Sequence[float],
        deviation: Sequence[float],
        clip: bool = False,
        scales: Scales = AS_IT_IS,
    ) -> None:
        super().__init__()
        self.network = network
        self.stride = stride
        self.clip = clip
        self.scales = scales
        # Buffers: saved with the weights, and not learned. (1, C, 1, 1).
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        normalised = (image - self.mean) / self.deviation
        if self.clip:
            normalised = normalised.clamp(0, 1)
        enlarged = _enlarged(normalised, self.scales.image)
        # Zeros, which after normalisation are the mean.
        rows, columns = (_missing(side, self.stride) for side in enlarged.shape[-2:])
        padded = F.pad(enlarged, (0, columns, 0, rows))
        logits: Tensor = self.network(padded)
        return _reduced(logits[..., : height * self.scales.logits, : width * self.scales.logits], self.scales.logits)


def _missing(side: int, stride: int) -> int:
    """What is missing to the next multiple."""
    # Not -side % stride: of twice a free side torch.onnx makes a quotient of negative numbers, which it rounds the wrong way.
    return (side + stride - 1) // stride * stride - side


def _enlarged(image: Tensor, times: int) -> Tensor:
    return image if times == 1 else F.interpolate(image, scale_factor=float(times), mode="bilinear")


def _reduced(logits: Tensor, times: int) -> Tensor:
    """(..., K, times H, times W) to (..., K, H, W): U-Net++ gives those of all its heads, along an axis more."""
    return logits if times == 1 else F.avg_pool2d(logits.flatten(0, -4), times).unflatten(0, logits.shape[:-3])


def clips(normalise: str) -> bool:
    """Whether a rule of input.normalise clips: `percentile` does, which leaves the rarest values outside [0, 1]."""
    return normalise == "percentile"


def n_logits_for(n_classes: int) -> int:
    """One logit for background and one class of objects, else one for each class."""
    return 1 if n_classes == 2 else n_classes


def classes_of(logits: Tensor) -> Tensor:
    """(..., K, H, W) logits to (..., H, W) class ids, uint8: the largest, or for one logit whether it is positive.

    Of equal logits the first counts, and a NaN is above every number. Not for use inside a model that is traced.
    """
    if logits.shape[-3] == 1:
        # A logit above 0 is a probability above a half. The bytes of a bool are 0 and 1.
        return (logits[..., 0, :, :] > 0).view(torch.uint8)
    if logits.device.type != "cpu" or logits.dtype != torch.float32:
        return logits.argmax(dim=-3).to(torch.uint8)
    images = logits.detach().numpy().reshape(-1, *logits.shape[-3:])
    classes = np.empty((len(images), *logits.shape[-2:]), np.uint8)
    for image, found in zip(images, classes, strict=True):
        found[:] = largest(image)
    return torch.from_numpy(classes).view(*logits.shape[:-3], *logits.shape[-2:])


def probabilities_of(logits: Tensor) -> Tensor:
    """(..., K, H, W) logits to the probability of each class, of the same shape; one logit gives two, background first."""
    if logits.shape[-3] == 1:
        # Each by its own sigmoid: 1 - p would lose what is left of a small one.
        return torch.cat([(-logits).sigmoid(), logits.sigmoid()], dim=-3)
    return logits.softmax(dim=-3)
