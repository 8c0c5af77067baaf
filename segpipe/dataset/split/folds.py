"""folds.csv: the part of each image and what it is counted as one with, and what a stage asks of it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from segpipe.errors import PipelineError
from segpipe.storage.csv_table import csv_rows, csv_text
from segpipe.storage.files import write_text

TEST, TRAIN = "test", "train"


def write(path: Path, parts: dict[str, str], groups: Mapping[str, str] = MappingProxyType({})) -> None:
    """Writes folds.csv: id, part, group. Images that `groups` does not name are alone."""
    write_text(path, csv_text(["id", "part", "group"], ((item, part, groups.get(item, "")) for item, part in parts.items())))


def read(path: Path) -> dict[str, str]:
    """The part of each image. Raises PipelineError where the file is missing or broken."""
    return _column(path, "part")


def read_groups(path: Path) -> dict[str, str]:
    """What scores count each image as one with, "" for one that is alone. Raises PipelineError as `read` does."""
    return _column(path, "group")


def train_and_validation(parts: dict[str, str], fold: int) -> tuple[list[str], list[str]]:
    """The ids that fold `fold` trains on, and those it validates on, both sorted."""
    validation = sorted(item for item, part in parts.items() if part == str(fold))
    train = sorted(item for item, part in parts.items() if part not in (TEST, str(fold)))
    return train, validation


def test(parts: dict[str, str]) -> list[str]:
    """The ids of the test part, sorted."""
    return sorted(item for item, part in parts.items() if part == TEST)


def check(parts: dict[str, str], folds: tuple[int, ...]) -> None:
    """Raises PipelineError where a fold to train does not exist or would train or validate on nothing."""
    existing = sorted({int(part) for part in parts.values() if part not in (TEST, TRAIN)})
    for fold in folds:
        if fold not in existing:
            raise PipelineError(
                f"folds: there is no fold {fold}; there are {', '.join(map(str, existing)) or 'none'}. "
                f"Write {'one of those' if existing else '0, and see that images are left outside the test part'}."
            )
        if not train_and_validation(parts, fold)[0]:
            raise PipelineError(f"folds: fold {fold} leaves no image to train on. Add images, or lower split.test_share.")


def _column(path: Path, name: str) -> dict[str, str]:
    try:
        return {row["id"]: row[name] for row in csv_rows(path)}
    except FileNotFoundError:
        raise PipelineError(f"{path}: not there yet. Run `dvc repro split`.") from None
    except (ValueError, KeyError) as error:
        raise PipelineError(f"{path}: broken ({error}). Run `dvc repro --force split`.") from None
