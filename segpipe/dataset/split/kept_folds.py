"""The memory of the split: kept_folds.csv in Git holds the part of each image ever assigned, so that new ones move no old one.

Images stand there as hashes, for their names may be patients. The first lines say under which settings they were assigned.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segpipe.errors import PipelineError, plain
from segpipe.storage.files import write_text

LINE = re.compile(r"[0-9a-f]{16},(test|rest|train|\d{1,3})")
REST = "rest"
"""An image that is not of the test part, whose fold is not remembered."""


@dataclass(frozen=True)
class KeptFolds:
    """The part of each image by the hash of its id. `test_key` are the settings that the test part follows from, and
    `fold_key` those of the folds: other ones assign afresh.
    """

    test_key: str
    fold_key: str
    parts: dict[str, str]


def hash_of(item_id: str) -> str:
    """What stands for an id: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(item_id.encode("utf-8")).hexdigest()[:16]


def read(path: Path, keys: tuple[str, str], ids: Iterable[str]) -> KeptFolds:
    """The remembered parts, as far as they hold under these settings (see `assign.keys_of`); none where none do.

    Under other settings of the folds, all but the test part is only known not to be it. A file that knows none of the
    `ids` is of another data set. A missing file knows nothing. Raises PipelineError where the file is broken.
    """
    test_key, fold_key = keys
    kept = _read(path)
    if kept is None or kept.test_key != test_key or not any(hash_of(item) in kept.parts for item in ids):
        return KeptFolds(test_key, fold_key, {})
    if kept.fold_key == fold_key:
        return kept
    return KeptFolds(test_key, fold_key, {image: part if part == "test" else REST for image, part in kept.parts.items()})


def write(path: Path, kept: KeptFolds) -> None:
    """Writes the file: the settings, then a sorted line an image, so that Git shows and merges what is new."""
    lines = (f"{image},{part}\n" for image, part in sorted(kept.parts.items()))
    write_text(path, f"# {kept.test_key}\n# {kept.fold_key}\n{''.join(lines)}")


def _read(path: Path) -> KeptFolds | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except ValueError:
        raise PipelineError(f"{path}: not text. `git checkout {path}` brings it back; an empty file assigns afresh.") from None
    if not lines:
        return None
    keys = [line.removeprefix("# ") for line in lines[:2] if line.startswith("# ")]
    parts: dict[str, str] = {}
    for number, line in enumerate(lines[len(keys) :], start=len(keys) + 1):
        image, _, part = line.partition(",")
        # The same line twice, as a merge can leave it, is fine; two parts of one image are a conflict.
        if len(keys) != 2 or not LINE.fullmatch(line) or parts.setdefault(image, part) != part:
            raise PipelineError(
                f"{path}, line {number}: {plain(line[:60])!r} is not one part of one image. Merge it by hand, or "
                f"`git checkout {path}`; an empty file assigns all images afresh."
            )
    return KeptFolds(keys[0], keys[1], parts) if len(keys) == 2 else None
