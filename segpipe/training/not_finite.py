"""The error of a step that would carry a number which is not finite into the weights, or has done so."""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from segpipe.errors import PipelineError

Broken = Literal["loss", "gradient", "weights"]
"""What is not finite. Weights are untouched in the first two cases; in the last a step, or a batch's statistics, broke them."""


class NotFiniteError(PipelineError):
    """A loss, a gradient or a weight is a NaN or an infinity; `broken` says which of them."""

    def __init__(self, broken: Broken, sentence: str) -> None:
        super().__init__(sentence)
        self.broken = broken


def broken_names(tensors: Mapping[str, Tensor]) -> list[str]:
    """Which of the tensors hold a number that is not finite."""
    return [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
