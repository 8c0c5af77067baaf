"""The project's own data section for a folder of a test."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from segpipe.params.schema import DataParams

COMMON = ("unannotated", "pages", "groups", "near_duplicates", "class_map", "max_ignored", "shapes")


def data_params(root: Path, source: str, **keys: Any) -> DataParams:
    """data.path is `root`; `keys` go to the source's own block, those of COMMON to data itself, `shapes` into its block."""
    own = deepcopy(_project()) | {"source": source, "path": str(root)}
    for key, value in keys.items():
        if key == "shapes":
            own["shapes"] |= value
        elif key in COMMON:
            own[key] = value
        else:
            own[source][key] = value
    return DataParams.model_validate(own)


@cache
def _project() -> dict[str, Any]:
    content = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))["data"]
    return dict(content)
