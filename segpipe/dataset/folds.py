"""The test part and k folds: balanced by class, the same whatever the order of files, given splits respected."""

from pathlib import Path

import pandas as pd

from segpipe.csv_table import csv_rows, csv_text
from segpipe.errors import PipelineError
from segpipe.files import write_text
from segpipe.randomness import seed_of

TEST, TRAIN = "test", "train"


def assign(index: pd.DataFrame, pixels: list[str], test_share: float, n_folds: int, seed: int) -> dict[str, str]:
    """The part of each image: `test`, a fold `0` .. `n_folds - 1`, or `train` (never validated).

    `index` has a row an image, with the column `given` and the counts of each class named by `pixels`. A given test
    list is the test part; a given validation list is fold 0, the only one. What is left is dealt out so that each
    part gets its share of the images of every class, the rare ones first.
    """
    order = _order(index, pixels, seed)
    given = index["given"]
    parts = {item: TEST for item in order if given[item] == "test"}
    rest = [item for item in order if item not in parts]
    if not parts:
        parts = dict.fromkeys(_every(rest, test_share), TEST)
        rest = [item for item in rest if item not in parts]
    if any(given[item] == "val" for item in rest):
        parts |= {item: "0" if given[item] == "val" else TRAIN for item in rest}
    else:
        parts |= {item: str(number % n_folds) for number, item in enumerate(rest)}
    return dict(sorted(parts.items()))


def write(path: Path, parts: dict[str, str]) -> None:
    """Writes folds.csv: id, part."""
    write_text(path, csv_text(["id", "part"], parts.items()))


def read(path: Path) -> dict[str, str]:
    """The part of each image. Raises PipelineError where the file is missing or broken."""
    try:
        return {row["id"]: row["part"] for row in csv_rows(path)}
    except FileNotFoundError:
        raise PipelineError(f"{path}: not there yet. Run `dvc repro split`.") from None
    except (ValueError, KeyError) as error:
        raise PipelineError(f"{path}: broken ({error}). Run `dvc repro --force split`.") from None


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
            raise PipelineError(f"folds: there is no fold {fold}; there are {', '.join(map(str, existing)) or 'none'}.")
        if not train_and_validation(parts, fold)[0]:
            raise PipelineError(f"folds: fold {fold} leaves no image to train on. Add images, or lower split.test_share.")


def summary(index: pd.DataFrame, pixels: list[str], classes: tuple[str, ...], parts: dict[str, str]) -> str:
    """A table for people: images of each part, and how many of them hold each class."""
    present = (index[pixels] > 0).groupby(pd.Series(parts)).sum()
    present.columns = pd.Index(classes)
    present.insert(0, "images", pd.Series(parts).value_counts())
    return str(present.to_string())


def _order(index: pd.DataFrame, pixels: list[str], seed: int) -> list[str]:
    """All ids, those with the rarest class first, in an order of their own (a hash) within each class."""
    present = index[pixels] > 0
    counts = present.sum()
    rarest = present.apply(lambda row: min((int(counts[name]) for name in row.index[row]), default=len(index)), axis=1)
    return sorted(index.index, key=lambda item: (int(rarest[item]), seed_of(seed, "split", item)))


def _every(items: list[str], share: float) -> list[str]:
    """Evenly spaced items, `share` of them: item k is taken where the running share passes a whole number."""
    return [item for number, item in enumerate(items) if int((number + 1) * share + 1e-9) > int(number * share + 1e-9)]
