"""Which masks may be wrong: images by how little models that did not learn from them agree, the worst with pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segpipe.dataset.pack import Pack
from segpipe.dataset.split import folds as splits
from segpipe.evaluation import DOUBT, FoldResults, LabelCheck
from segpipe.images import overlay
from segpipe.images.decode import decode_mask
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.inference.closer_look_file import LONG_SIDE
from segpipe.report.jpeg import jpeg
from segpipe.storage.csv_table import csv_text

CAPTIONS = ("mask", "prediction")
COLUMNS = ("number", "id", "source", "part", "label_quality", "given", "predicted", "share")


@dataclass(frozen=True)
class Suspect:
    """An image: `number` 1 is the most suspect. `share` of its pixels, more than of any other pair of classes, are `given` one in
    the mask and `predicted` as the other (None where all agree). Those that are shown have a JPEG for each of `CAPTIONS`.
    """

    number: int
    id: str
    part: str
    quality: float
    given: int | None
    predicted: int | None
    share: float
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Suspects:
    """All images that were looked at, the most suspect first, how many of the set they are, and how all would be."""

    ranked: Sequence[Suspect]
    n_images: int
    to_see_all: str


def suspects(results: Sequence[FoldResults], data: Pack, parts: Mapping[str, str], n_shown: int) -> Suspects:
    """Those of all folds; the first `n_shown` have pictures. `parts` is folds.csv."""
    checked = _checked(results)
    # Ties by id, so that the order is always the same.
    order = sorted((quality, item) for item, (quality, _) in checked.items())
    ranked = [_suspect(number, item, checked[item], data.index) for number, (_, item) in enumerate(order, start=1)]
    shown = [replace(each, pictures=_pictures(each, checked[each.id][1], data)) for each in ranked[:n_shown]]
    return Suspects([*shown, *ranked[n_shown:]], len(parts), _to_see_all(results, parts))


def table(found: Suspects, classes: Sequence[str], index: pd.DataFrame) -> str:
    """suspects.csv, a row an image, the most suspect first; `source` is the file that brought the image."""
    rows = [
        (each.number, each.id, index["source"][each.id], each.part, each.quality, *_names(each, classes), each.share)
        for each in found.ranked
    ]
    return csv_text(COLUMNS, rows)


@dataclass(frozen=True)
class _Doubtful:
    """The fold whose model doubts an image most, with the image's part and what was found there."""

    results: FoldResults
    part: str
    label: LabelCheck


def _checked(results: Sequence[FoldResults]) -> dict[str, tuple[float, _Doubtful]]:
    """Of each image its mean quality over the folds that scored it: several where it is in the test part, else its own."""
    found: dict[str, list[tuple[float, _Doubtful]]] = {}
    for each in results:
        for part, labels in each.labels.items():
            for item, label in labels.items():
                if label.quality is not None:
                    found.setdefault(item, []).append((label.quality, _Doubtful(each, part, label)))
    return {
        item: (sum(quality for quality, _ in of_folds) / len(of_folds), min(of_folds, key=lambda pair: pair[0])[1])
        for item, of_folds in found.items()
    }


def _suspect(number: int, item: str, checked: tuple[float, _Doubtful], index: pd.DataFrame) -> Suspect:
    quality, doubtful = checked
    given, predicted, pixels = doubtful.label.confusion or (None, None, 0)
    counted = int(index["width"][item]) * int(index["height"][item]) - int(index["ignored"][item])
    return Suspect(number, item, doubtful.part, quality, given, predicted, pixels / counted)


def _pictures(suspect: Suspect, doubtful: _Doubtful, data: Pack) -> tuple[bytes, ...]:
    """The image with the outlines of its mask, what is in doubt in red, and with those of the prediction."""

    def read(name: str) -> np.ndarray:
        return shrink_mask(decode_mask(doubtful.results.predictions[name].read(), name).astype(np.uint8), LONG_SIDE)

    name = f"{doubtful.part}/{suspect.id}.png"
    palette = colours(len(data.info.classes))
    shown = overlay.displayed(shrink_image(data.image(suspect.id), LONG_SIDE))
    marked = overlay.marked(shown, read(f"{DOUBT}/{name}"))
    mask = shrink_mask(data.mask(suspect.id), LONG_SIDE)
    return jpeg(overlay.outlined(marked, mask, palette)), jpeg(overlay.outlined(shown, read(name), palette))


def _to_see_all(results: Sequence[FoldResults], parts: Mapping[str, str]) -> str:
    """What to write into params.yaml for a model to look at every image; empty where all folds are trained."""
    existing = sorted({int(part) for part in parts.values() if part not in (splits.TEST, splits.TRAIN)})
    return "" if {each.fold for each in results} >= set(existing) else f"folds: [{', '.join(map(str, existing))}]"


def _names(suspect: Suspect, classes: Sequence[str]) -> tuple[str, str]:
    if suspect.given is None or suspect.predicted is None:
        return "", ""
    return classes[suspect.given], classes[suspect.predicted]
