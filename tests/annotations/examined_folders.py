"""A folder of a test examined as `convert` does, less what is said of the data set as a whole: tests have few, tiny images."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from segpipe.annotations.checks.dataset_checks import warnings_of
from segpipe.annotations.convert import examine
from segpipe.annotations.examination.result import Examination
from tests.annotations.data_params import data_params


def examined(root: Path, source: str, processes: int = 1, **keys: Any) -> Examination:
    """The masks wait beside the folder. `keys` as in `data_params`."""
    examination = examine(data_params(root, source, **keys), [], root.parent / f"{root.name}.masks", processes)
    whole = {str(each) for each in warnings_of(examination.records, examination.classes)}
    own = (each for each in examination.problems if str(each) not in whole and "nothing to learn" not in each.problem)
    return replace(examination, problems=tuple(own))
