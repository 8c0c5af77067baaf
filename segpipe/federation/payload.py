"""What goes over the wire: named tensors and JSON, sealed. What comes from a site is read as that, and held to what was sent."""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from segpipe.errors import plain
from segpipe.storage import checksummed

Content = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors by name, and what is said of them, anything that JSON holds."""

ABOUT_BYTES = 2**20
"""The most bytes that JSON may take in an answer, in the form in which it is sent."""
ENTRY_BYTES = 512
"""The most bytes of a tensor's line in the header: its name, shape and place."""


class RefusedError(ValueError):
    """An answer that is not used; the message is the reason, for a person."""


def largest_answer(sent: Mapping[str, Tensor]) -> int:
    """The most bytes that an answer to these tensors may have."""
    return 8 + _largest_header(sent) + sum(tensor.nbytes for tensor in sent.values())


def read_answer(content: bytes, sent: Mapping[str, Tensor]) -> Content:
    """The tensors of an answer, with the names, shapes and types of those that were sent, all finite; and what it says of them.

    Nothing in it is run, and nothing larger than what was sent is parsed. Raises RefusedError.
    """
    if len(content) > largest_answer(sent):
        raise RefusedError(f"it has {len(content):,} bytes, and at most {largest_answer(sent):,} fit what was asked")
    if int.from_bytes(content[:8], "little") > _largest_header(sent):
        raise RefusedError(f"its header is no header of safetensors, or has more than {_largest_header(sent):,} bytes")
    tensors, about = _opened(content)
    _compare(tensors, sent)
    return tensors, about


def _largest_header(sent: Mapping[str, Tensor]) -> int:
    return ABOUT_BYTES + ENTRY_BYTES * (len(sent) + 1)


def _opened(content: bytes) -> Content:
    try:
        tensors, about = checksummed.opened(content)
        # NaN and Infinity are no JSON, but Python reads them.
        json.dumps(about, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise RefusedError(plain(str(error))) from None
    if not isinstance(about, dict):
        raise RefusedError("what it says of its tensors is no JSON object")
    return tensors, about


def _compare(tensors: Mapping[str, Tensor], sent: Mapping[str, Tensor]) -> None:
    """Raises RefusedError for the first tensor that differs in kind, by name."""
    if more := sorted(tensors.keys() - sent.keys()):
        raise RefusedError(f"it holds {plain(more[0])[:80]}, which nobody asked for")
    for name, asked in sorted(sent.items()):
        if name not in tensors:
            raise RefusedError(f"{name} is missing")
        given = tensors[name]
        if (given.shape, given.dtype) != (asked.shape, asked.dtype):
            raise RefusedError(f"{name} is {_kind(given)} and not {_kind(asked)}")
        if given.is_floating_point() and not bool(given.isfinite().all()):
            raise RefusedError(f"{name} holds numbers that are not finite")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
