"""The error of a step that would carry a number which is not finite into the weights, or has done so."""

from typing import Literal

from segpipe.errors import PipelineError

Broken = Literal["loss", "gradient", "weights"]
"""What is not finite. Weights are untouched in the first two cases; in the last a step, or a batch's statistics, broke them."""


class NotFiniteError(PipelineError):
    """A loss, a gradient or a weight is a NaN or an infinity; `broken` says which of them."""

    def __init__(self, broken: Broken, sentence: str) -> None:
        super().__init__(sentence)
        self.broken = broken
