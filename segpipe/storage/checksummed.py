"""Tensors and what is said of them in one safetensors file that knows whether it is whole: no pickle, no silent damage.

The file's SHA-256, taken with 64 zeros in its own place, stands in the metadata. Any byte that changes breaks it, the
header's and the padding's too. The bytes follow from the content alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

KEY = "segpipe"
"""The one metadata key: safetensors writes several in a random order."""
BLANK = "0" * 64
MARK = re.compile(rb'\\"seal\\": \\"([0-9a-f]{64})\\"')
"""How the seal stands in a safetensors file: JSON inside JSON."""


class DamagedError(ValueError):
    """The bytes are not those that `seal` made."""


def seal(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bytes:
    """The file's bytes; `about` is anything that JSON holds. Memory format and order do not matter."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    text = json.dumps({"about": about, "seal": BLANK}, sort_keys=True, ensure_ascii=False)
    return closed(save(plain, metadata={KEY: text}), MARK)


def opened(content: bytes) -> tuple[dict[str, Tensor], Any]:
    """The tensors, in memory of their own, and `about`. Raises DamagedError, its message a reason for a person."""
    check(content, MARK)
    try:
        header = int.from_bytes(content[:8], "little")
        text = json.loads(content[8 : 8 + header])["__metadata__"][KEY]
        return {name: tensor.clone() for name, tensor in load(content).items()}, json.loads(text)["about"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(next(iter(str(error).splitlines()), type(error).__name__)) from None


def closed(content: bytes, mark: re.Pattern[bytes]) -> bytes:
    """The bytes with their seal in the place of the 64 zeros that `mark` finds, in any kind of file."""
    start = _place(content, mark)
    return content[:start] + hashlib.sha256(content).hexdigest().encode("ascii") + content[start + len(BLANK) :]


def check(content: bytes, mark: re.Pattern[bytes]) -> None:
    """Raises DamagedError for bytes that `closed` did not give."""
    start = _place(content, mark)
    end = start + len(BLANK)
    if hashlib.sha256(content[:start] + BLANK.encode("ascii") + content[end:]).hexdigest().encode("ascii") != content[start:end]:
        raise DamagedError("its checksum does not fit its content")


def _place(content: bytes, mark: re.Pattern[bytes]) -> int:
    """Where the seal's digits begin. Raises DamagedError where the file has none, or several."""
    found = [match.start(1) for match in mark.finditer(content)]
    if len(found) != 1:
        raise DamagedError("it has no checksum of segpipe's: another program's file, or cut off")
    return found[0]
