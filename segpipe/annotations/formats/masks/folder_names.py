"""Folders of images and masks by their names, at any depth; a `*` in a name keeps the part that it stands for."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath


def strip_folder(parts: Sequence[str], folder: str) -> tuple[str, ...] | None:
    """The path of a file less the first folder of this name (or path); None where it lies below none.

    A `*` stands for any text, which takes the folder's place: below `*_masks`, train_masks/a.png is train/a.png.
    """
    wanted = _patterns(folder)
    for at in range(len(parts) - len(wanted)):
        matches = [each.fullmatch(part) for each, part in zip(wanted, parts[at:], strict=False)]
        if all(matches):
            kept = (text for match in matches if match for text in match.groups())
            return (*parts[:at], *kept, *parts[at + len(wanted) :])
    return None


@lru_cache
def _patterns(folder: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile("(.+)".join(map(re.escape, part.split("*"))), re.DOTALL) for part in PurePosixPath(folder).parts)
