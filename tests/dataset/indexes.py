"""Tables as index.csv holds them, and splits of them, for the tests of the folds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from segpipe.dataset.split.assign import Assignment, assign, keys_of
from segpipe.dataset.split.kept_folds import KeptFolds
from segpipe.params.schema import SplitParams

PLAIN: dict[str, Any] = {
    "test_share": 0.2,
    "n_folds": 5,
    "val_share": 0.0,
    "group": "none",
    "group_pattern": "^(.*)[_-][^_-]*$",
    "join_duplicates": True,
}


def table(rows: Mapping[str, Sequence[int]], **columns: Mapping[str, str]) -> pd.DataFrame:
    """A row an image with the pixels of each class; `given`, `group` and `twin` are empty where `columns` names none."""
    width = len(next(iter(rows.values()), ()))
    index = pd.DataFrame.from_dict(dict(rows), orient="index", columns=pixels(width), dtype="int64")
    for name in ("given", "group", "twin"):
        index[name] = [columns.get(name, {}).get(item, "") for item in rows]
    return index


def pixels(n_classes: int) -> list[str]:
    return [f"pixels_{number}" for number in range(n_classes)]


def split_params(**keys: Any) -> SplitParams:
    return SplitParams.model_validate(PLAIN | keys)


def split(index: pd.DataFrame, kept: Mapping[str, str] | None = None, seed: int = 42, **keys: Any) -> Assignment:
    """The assignment of an index, with what an earlier one remembered."""
    params = split_params(**keys)
    memory = KeptFolds(*keys_of(index, params, seed, "masks"), dict(kept or {}))
    return assign(index, pixels(len(index.columns) - 3), params, seed, memory)
