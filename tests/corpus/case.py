"""A mini data set that is broken or odd, what the doctor must say of it, and the masks it must end in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segpipe.annotations.checks.findings import findings
from segpipe.annotations.checks.fixes import values_of
from segpipe.annotations.convert import examine
from segpipe.annotations.examination.result import Examination
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from segpipe.params.schema import DataParams
from tests.annotations.data_params import data_params

ROUNDS = 5
"""As often as `segpipe init --fix`: one mended problem can bring another to light."""


@dataclass(frozen=True)
class Case:
    """`errors` is all that the doctor tells of what stops, word for word; each line of `warnings` is among the rest.

    `masks` holds the first row of each mask by id, a digit a pixel and a point for 255, after the lines of params.yaml
    that `errors` names are written; None where nothing mends it. `keys` as `data_params` takes them.
    """

    name: str
    source: str
    make: Callable[[Path], object]
    errors: str = ""
    masks: Mapping[str, str] | None = None
    warnings: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_broken(self) -> bool:
        return bool(self.errors)

    @property
    def is_mended(self) -> bool:
        return self.is_broken and self.masks is not None


def parameters(case: Case, root: Path) -> DataParams:
    """The folder made, and the parameters that read it."""
    root.mkdir(parents=True, exist_ok=True)
    case.make(root)
    return data_params(root, case.source, **case.keys)


def check(case: Case, root: Path) -> None:
    """Makes the folder, examines it as stage convert does, and compares all that is said and all masks."""
    data = parameters(case, root)
    try:
        examination = examined(data, root)
    except PipelineError as error:
        assert str(error).replace(str(root), "ROOT") == case.errors
        assert case.masks is None
        return
    found = findings(examination.problems)
    assert "\n".join(str(each) for each in found if not each.warning) == case.errors
    warnings = [line for each in found if each.warning for line in str(each).splitlines()]
    missing = [line for line in case.warnings.splitlines() if line not in warnings]
    assert not missing, warnings
    if case.masks is None:
        assert case.errors
        return
    for _ in range(ROUNDS if case.errors else 0):
        values = values_of(examination.problems, {"data": data.model_dump()})
        if not values:
            break
        data = with_values(data, values)
        examination = examined(data, root)
    assert [str(problem) for problem in examination.problems if not problem.warning] == []
    assert dict(rows(examination)) == case.masks


def with_values(data: DataParams, values: Mapping[str, Any]) -> DataParams:
    """The parameters with dotted keys set."""
    content: dict[str, Any] = {"data": data.model_dump()}
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        block = content
        for name in sections:
            block = block[name]
        block[key] = value
    return DataParams.model_validate(content["data"])


def rows(examination: Examination) -> Iterator[tuple[str, str]]:
    """The id and the first row of each mask."""
    for record in examination.records:
        mask = decode_mask(record.mask_png.read(), record.id)
        yield record.id, "".join("." if value == 255 else str(value) for value in mask[0])


def examined(data: DataParams, root: Path) -> Examination:
    """What the doctor finds in the folder."""
    return examine(data, (), root.parent / "masks.partial", 1)
