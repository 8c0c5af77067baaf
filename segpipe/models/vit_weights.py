"""A vision transformer's weights as files bring them: in timm's own layout, or as those who trained it published them.

DINOv2's files name a few tensors otherwise, and add the class token's position where timm has added it to the token already.
timm knows their layouts, and many others'.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.models.pretrained import PREFIXES, Tensors

PATCHES = "patch_embed.proj.weight"


def named_as_timm(tensors: Tensors, transformer: nn.Module, source: str) -> dict[str, Tensor]:
    """The tensors by timm's names for `transformer`, with the positions resampled to its grid, the patches to its size.

    A prefix as training scripts put it is taken off. Raises PipelineError where the tensors are those of no such network.
    """
    prefix = next((prefix for prefix in PREFIXES if prefix + PATCHES in tensors), "")
    plain = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    convert = getattr(sys.modules[type(transformer).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return plain
    try:
        with _silence():
            converted: dict[str, Tensor] = convert(plain, transformer)
    except Exception as error:  # timm takes a layout for granted once it has seen its first name.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PipelineError(
            f"model.weights: {source} does not fit this encoder ({reason}). "
            "Name weights of the encoder in model.encoder, or none."
        ) from error
    return converted


@contextmanager
def _silence() -> Iterator[None]:
    """timm says how it resampled, and with what sizes; it is not for our user."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
