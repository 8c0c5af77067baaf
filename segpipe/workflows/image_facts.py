"""What of each image its scores go by: its group and, in millimetres, how large its pixels are."""

import pandas as pd

from segpipe.dataset.pack import counted_as_one
from segpipe.errors import PipelineError
from segpipe.scores.details import PIXELS, ImageFacts

SHOWN = 5
NANOMETRES = 1_000_000
"""In a millimetre."""


def image_facts(rows: pd.DataFrame, unit: str) -> dict[str, ImageFacts]:
    """Of each image its group and, in millimetres, its pixels' size. Raises PipelineError for images that do not say it."""
    groups = counted_as_one(rows)
    if unit == PIXELS:
        return {str(item): ImageFacts(group) for item, group in zip(rows.index, groups, strict=True)}
    unknown = rows.index[(rows["spacing_x"] == 0) | (rows["spacing_y"] == 0)].tolist()
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise PipelineError(
            f"scores.unit: millimetres, but {len(unknown)} images do not say how large a pixel is "
            f"({', '.join(unknown[:SHOWN])}{more}). Write pixels, or save them with their resolution."
        )
    columns = zip(rows.index, groups, rows["spacing_y"], rows["spacing_x"], strict=True)
    return {item: ImageFacts(group, (high / NANOMETRES, wide / NANOMETRES)) for item, group, high, wide in columns}
