"""How many groups stage split will have to assign, and whether they are enough, before anything is brought in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from segpipe.dataset.split import groups
from segpipe.errors import PipelineError
from segpipe.params.schema import SplitParams
from segpipe.record import Record

FEWEST = "2 are the fewest: one to train on and one to validate on. Add images."


@dataclass(frozen=True)
class Groups:
    """What lies outside a given test list: `images`, in `outside` groups, `validated` of which are in a validation list."""

    images: int
    outside: int
    validated: int


def of_records(records: Sequence[Record], split: SplitParams) -> Groups:
    """The groups as stage split makes them: by a table, by names, and of near-duplicates. Raises PipelineError as it does."""
    named = _groups(records, split)
    outside = [record for record in records if record.given != "test"]
    validated = {named[record.id] for record in outside if record.given == "val"}
    return Groups(len(outside), len({named[record.id] for record in outside}), len(validated))


def refuse_too_few(records: Sequence[Record], found: Groups, split: SplitParams) -> None:
    """Raises PipelineError where the images outside a test list cannot be parted into training and validation."""
    listed = " outside the test list" if found.images < len(records) else ""
    if found.images < 2:
        raise PipelineError(f"{'1 image' if found.images == 1 else 'no image'}{listed}, but {FEWEST}")
    given = [record.given for record in records if record.given != "test"]
    if "val" in given:
        if set(given) == {"val"}:
            raise PipelineError("every image outside the test list is in the validation list, so none is left to train on.")
        return
    if found.outside > 1:
        return
    what = f"all {found.images} images{listed} belong to one group, but 2 groups are the fewest, since none is parted"
    # Several groups but for the near-duplicates: then those are the cause, and the remedy is another.
    alone = _groups(records, split.model_copy(update={"join_duplicates": False}))
    if len({alone[record.id] for record in records if record.given != "test"}) > 1:
        what = f"all {found.images} images{listed} are near-duplicates of one another, so that none is new to a model"
        raise PipelineError(f"{what}. Add other images, or set split.join_duplicates to false in params.yaml.")
    key = "split.group_pattern" if split.group == "name" else "data.groups"
    raise PipelineError(f"{what}. Add images of other groups, or mend {key} in params.yaml.")


def _groups(records: Sequence[Record], split: SplitParams) -> Mapping[str, str]:
    columns = {name: [getattr(record, name) for record in records] for name in ("group", "twin")}
    return groups.groups_of(pd.DataFrame(columns, index=[record.id for record in records]), split)
