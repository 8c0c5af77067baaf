"""What the page says of the images: how many, how large, and how often each class occurs."""

from collections.abc import Mapping, Sequence

import pandas as pd

from segpipe.dataset.pack import pixel_columns
from segpipe.images.palette import Colour
from segpipe.record import DatasetInfo
from segpipe.report import markup

Parts = Mapping[str, Sequence[str]]
"""The ids of the training, validation and test part; empty where there is none."""


def facts(index: pd.DataFrame, info: DatasetInfo, parts: Parts) -> str:
    """Images of each part, sizes, channels and classes, a line each."""
    width, height = (_range(index[side]) for side in ("width", "height"))
    ignored = int(index["ignored"].sum()) / int((index["width"] * index["height"]).sum())
    counts = ", ".join(f"{markup.count(len(ids))} {part}" for part, ids in parts.items() if ids)
    return markup.pairs(
        [
            ("Images", f"{markup.count(len(index))}: {counts}"),
            ("Size", f"{width} &times; {height} pixels"),
            ("Channels", f"{info.channels} of {info.bits} bits"),
            ("Classes", f"{len(info.classes)}, " + ("the first is background" if info.has_background else "none is background")),
            ("Ignored", f"{markup.percent(ignored)} of all pixels" if ignored else "no pixel"),
        ]
    )


def class_balance(index: pd.DataFrame, info: DatasetInfo, parts: Parts, palette: Sequence[Colour]) -> str:
    """A row a class: how many images of each part hold it, and its share of the part's pixels."""
    pixels = {part: index.loc[list(ids), pixel_columns(info)] for part, ids in parts.items() if ids}
    images = [(table > 0).sum().to_list() for table in pixels.values()]
    shares = [(table.sum() / max(int(table.sum().sum()), 1)).to_list() for table in pixels.values()]
    rows = [
        [
            markup.label(name, palette[number]),
            *(markup.count(int(held[number])) for held in images),
            *(markup.percent(float(share[number])) for share in shares),
        ]
        for number, name in enumerate(info.classes)
    ]
    heads = [f"{part.capitalize()} {what}" for what in ("images", "pixels") for part in pixels]
    return markup.table(["Class", *heads], rows)


def _range(values: "pd.Series[int]") -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low}&ndash;{high}"
