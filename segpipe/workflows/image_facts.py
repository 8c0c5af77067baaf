"""What of each image its scores go by: its group and, in millimetres, how large its pixels are."""

from collections.abc import Mapping

import pandas as pd

from segpipe.errors import PipelineError
from segpipe.scores.details import PIXELS, ImageFacts

SHOWN = 5
NANOMETRES = 1_000_000
"""In a millimetre."""


def image_facts(rows: pd.DataFrame, groups: Mapping[str, str], unit: str) -> dict[str, ImageFacts]:
    """Of each image its group and, in millimetres, its pixels' size. Raises PipelineError for images that do not say it."""
    if unit == PIXELS:
        return {str(item): ImageFacts(groups[item]) for item in rows.index}
    unknown = rows.index[(rows["spacing_x"] == 0) | (rows["spacing_y"] == 0)].tolist()
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise PipelineError(
            f"scores.unit: millimetres, but {len(unknown)} images do not say how large a pixel is "
            f"({', '.join(unknown[:SHOWN])}{more}). Write pixels, or save them with their resolution."
        )
    columns = zip(rows.index, rows["spacing_y"], rows["spacing_x"], strict=True)
    return {item: ImageFacts(groups[item], (high / NANOMETRES, wide / NANOMETRES)) for item, high, wide in columns}
