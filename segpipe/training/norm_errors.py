"""What torch's normalisations say of a map that has a single value to normalise over, as a sentence for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from segpipe.errors import PipelineError

BATCH, INSTANCE = "Expected more than 1 value per channel", "Expected more than 1 spatial element"
"""How torch begins: batch normalisation (and group normalisation with groups of one channel), and instance normalisation."""


@contextmanager
def translate_norm_errors() -> Iterator[None]:
    """Turns torch's ValueError inside it into a PipelineError."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith(BATCH):
            raise PipelineError(
                "batch normalisation saw a single value, because a batch, or a part of one (train.accumulate), had one image "
                "and its deepest map one pixel. Raise train.batch_size until a part has 2 or more, or raise input.crop."
            ) from None
        if str(error).startswith(INSTANCE):
            raise PipelineError(
                "instance normalisation saw a single value, because the deepest map has one pixel. "
                "Raise input.crop, lower model.depth, or set model.norm to batch or group."
            ) from None
        raise
