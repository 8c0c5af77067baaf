"""data/eval/foldN: what a fold's model scored, written by evaluate and read by report. Names files, so it never enters Git."""

import json
import re
import shutil
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.dataset.split import folds as splits
from segpipe.errors import PipelineError
from segpipe.images.encode import encode_gray, encode_mask
from segpipe.scores.border_errors import wrong_pixels
from segpipe.scores.counts import Confusion, class_scores, image_dice
from segpipe.scores.details import ALONE, PIXELS, DetailCounter, Details, ImageFacts
from segpipe.scores.intervals import Pixels
from segpipe.scores.label_quality import doubt, given_levels, label_quality, largest_confusion
from segpipe.scores.levels import Levels
from segpipe.storage import zips
from segpipe.storage.byte_source import FileRange
from segpipe.storage.csv_table import csv_rows, csv_text
from segpipe.storage.files import write_json, write_text, write_with

VAL, TEST = "val", "test"
WRONG = ("wrong", "wrong_at_border")
LABEL = ("label_quality", "given", "predicted", "confused")
"""Columns of per_image.csv: how well the mask agrees with the model, and the pair of classes that most pixels differ in."""
DOUBT = "doubt"
"""The folder of predictions.zip that holds pictures of doubt, by PART/ID.png."""
NO_FACTS: Mapping[str, ImageFacts] = {}
MODEL = "model_sha256"
"""In run.json, the hash of the model's file."""
PIXEL_COLUMNS = ("part", "image", "class", "true", "predicted", "right")


@dataclass(frozen=True)
class ScoredImage:
    """One image: `prediction` (H, W) class ids at full size, `counts` against its `mask`, its loss and the terms of that.

    The losses are None where every pixel is ignored: nothing was asked, so nothing was right or wrong. `levels` are those of the
    probabilities (`scores/levels.py`), where they are asked for.
    """

    id: str
    mask: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    counts: Confusion
    losses: dict[str, float | None]
    levels: Levels | None = None


@dataclass(frozen=True)
class LabelCheck:
    """An image's `label_quality` (`scores/label_quality.py`); of its pixels that differ most are `given` one class and
    `predicted` as another, `confused` of them. None where every pixel is ignored, and without a pixel that differs.
    """

    quality: float | None
    confusion: tuple[int, int, int] | None


@dataclass(frozen=True)
class ImageScores:
    """A row of per_image.csv: what one image scored; None where every pixel is ignored, and a Dice where it has no object."""

    id: str
    dice: float | None
    pixel_accuracy: float | None
    wrong: int | None
    wrong_at_border: int | None
    loss: float | None


@dataclass(frozen=True)
class FoldResults:
    """One fold, read back. `counts` and `dice` (by image id) hold each part that has images, in the order of per_image.csv.

    `images` holds the rows of per_image.csv, by part. `wrong` holds of each part its wrong pixels, and those of them at a border.
    `pixels` holds of each part (3, images, classes): an image's pixels that are of the class, that were given it, and both.
    `history` has a row an epoch, its numbers as they stand in the file. `run` is run.json: the `fingerprint` and the
    `params` of its training, and more. `predictions` says where the PNG of PART/ID lies, and under DOUBT/PART/ID that of doubt.
    `labels` holds what is to be thought of the masks of each part, by image id.
    """

    fold: int
    counts: dict[str, Confusion]
    dice: dict[str, dict[str, float | None]]
    history: list[dict[str, str]]
    run: dict[str, Any]
    predictions: dict[str, FileRange]
    pixels: dict[str, NDArray[np.int64]]
    wrong: dict[str, tuple[int, int]]
    details: dict[str, Details]
    labels: dict[str, dict[str, LabelCheck]] = field(default_factory=dict)
    images: dict[str, list[ImageScores]] = field(default_factory=dict)


@dataclass(frozen=True)
class PartScores:
    """`counts`, `dice`, `pixels` and `details` of each part that has images, as those of FoldResults: what tables alone hold."""

    counts: dict[str, Confusion]
    dice: dict[str, dict[str, float | None]]
    pixels: dict[str, NDArray[np.int64]]
    details: dict[str, Details]


Scored = FoldResults | PartScores
"""What has scores and intervals of parts."""


@dataclass
class PartTotals:
    """What the images of a part add up to: how many they are, their counts, and the Dice of each."""

    images: int
    counts: Confusion
    dice: list[float | None]


def write(
    folder: Path,
    parts: Mapping[str, Iterable[ScoredImage]],
    classes: Sequence[str],
    has_background: bool,
    tolerance: float,
    unit: str = PIXELS,
    facts: Mapping[str, ImageFacts] = NO_FACTS,
    pictures: bool = True,
) -> dict[str, PartTotals]:
    """Writes counts.csv (part, truth, prediction, pixels), per_image.csv, class_pixels.csv and, with `pictures`, predictions.zip
    (PART/ID.png).

    class_pixels.csv has a row for each class that an image holds or was given: part, image (its number among the part's in
    per_image.csv, from 0), class, and the pixels of both, of the truth, of the prediction, and right: intervals come of them.
    per_image.csv has the image's scores, how many of its pixels are wrong, and of these at a border, its loss, and the terms of
    that where it is a mixture (loss_TERM); all are empty for an image of which every pixel is ignored. LABEL are its columns on
    whether the mask itself is right, and predictions.zip has a picture of where it is doubtful (DOUBT/PART/ID.png).

    details.json has what the images of a part add up to beside that (`scores/details.py`); boundaries agree within `tolerance`,
    which is in `unit`; `facts` says of images by id what their scores go by.

    The images are taken one by one, as they are predicted: no more than one of them is in memory.
    """
    tables = _Tables(len(classes), has_background, tolerance, unit, facts)
    noted = tables.noting(parts)
    if pictures:
        zips.write_zip(folder / "predictions.zip", _pictures(noted))
    else:
        deque(noted, maxlen=0)
    head = (
        "part",
        "id",
        "dice",
        "pixel_accuracy",
        *WRONG,
        *LABEL,
        *tables.terms,
        *(f"dice_{n}" for n in range(len(classes))),
    )
    write_text(folder / "per_image.csv", csv_text(head, tables.images))
    write_text(folder / "class_pixels.csv", csv_text(PIXEL_COLUMNS, tables.pixels))
    cells = [
        (part, true, seen, int(total.counts[true, seen]))
        for part, total in tables.totals.items()
        if total.images
        for true in range(len(classes))
        for seen in range(len(classes))
    ]
    write_text(folder / "counts.csv", csv_text(("part", "truth", "prediction", "pixels"), cells))
    details = {part: counter.details().to_json() for part, counter in tables.details.items() if tables.totals[part].images}
    write_json(folder / "details.json", details)
    return tables.totals


def _pictures(noted: Iterable[tuple[str, ScoredImage, Levels | None]]) -> Iterator[tuple[str, bytes]]:
    """The members of predictions.zip, those of an image when its rows are noted."""
    for part, each, given in noted:
        yield f"{part}/{each.id}.png", encode_mask(each.prediction)
        if given is not None:
            yield f"{DOUBT}/{part}/{each.id}.png", encode_gray(doubt(given))


class _Tables:
    """The rows of the tables, noted as the images go by."""

    def __init__(
        self, n_classes: int, has_background: bool, tolerance: float, unit: str, facts: Mapping[str, ImageFacts]
    ) -> None:
        self.n_classes, self.has_background = n_classes, has_background
        self.tolerance, self.unit, self.facts = tolerance, unit, facts
        # All images have the same terms; where there is no image, or no loss was asked for, the table still has its column.
        self.terms: list[str] = ["loss"]
        self.images: list[Sequence[object]] = []
        self.pixels: list[Sequence[object]] = []
        self.totals: dict[str, PartTotals] = {}
        self.details: dict[str, DetailCounter] = {}

    def noting(self, parts: Mapping[str, Iterable[ScoredImage]]) -> Iterator[tuple[str, ScoredImage, Levels | None]]:
        """Each image with its part, when its rows are noted, and the levels that its mask's classes were given."""
        for part, scored in parts.items():
            total = self.totals[part] = PartTotals(0, np.zeros((self.n_classes, self.n_classes), np.int64), [])
            counter = self.details[part] = DetailCounter(self.n_classes, self.has_background, self.tolerance, self.unit)
            for each in scored:
                given = None if each.levels is None else given_levels(each.levels, each.mask)
                self._note(part, each, total, None if given is None else label_quality(given, each.mask))
                if each.levels is not None:
                    counter.add(each.mask, each.prediction, each.levels, self.facts.get(each.id, ALONE))
                yield part, each, given

    def _note(self, part: str, each: ScoredImage, total: PartTotals, quality: float | None) -> None:
        self.terms = [*each.losses] or self.terms
        dice = image_dice(each.counts, self.has_background)
        losses = (_text(each.losses.get(name)) for name in self.terms)
        wrong: Sequence[object] = wrong_pixels(each.mask, each.prediction) if each.counts.any() else ("", "")
        label = (_text(quality), *(largest_confusion(each.counts) or ("", "", "")))
        self.images.append((part, each.id, _text(dice), _text(_accuracy(each)), *wrong, *label, *losses, *_dices(each)))
        true, predicted, right = each.counts.sum(axis=1), each.counts.sum(axis=0), np.diag(each.counts)
        for number in np.flatnonzero(true + predicted).tolist():
            self.pixels.append((part, total.images, number, int(true[number]), int(predicted[number]), int(right[number])))
        total.images += 1
        total.counts += each.counts
        total.dice.append(dice)


def write_origin(folder: Path, fold: int, fingerprint: str, training: Mapping[str, Any], model: str, history: Path) -> None:
    """Writes run.json, what trained the model, and brings the training's history.csv along: the report reads one folder.

    `model` is the hash of the model's file, so that data/eval changes whenever a model does: stage ensemble goes by it.
    """
    write_json(folder / "run.json", {"fingerprint": fingerprint, "fold": fold, MODEL: model} | dict(training))
    write_with(folder / "history.csv", lambda temporary: shutil.copyfile(history, temporary))


def remove_others(folder: Path, folds: Sequence[int]) -> list[str]:
    """Deletes the results of folds that are no longer asked for, and returns their names.

    DVC leaves them on the disk, and the hash of data/eval would differ from that of a fresh clone.
    """
    wanted = {f"fold{fold}" for fold in folds}
    stale = [path for path in sorted(folder.glob("fold*")) if re.fullmatch(r"fold\d+", path.name) and path.name not in wanted]
    for path in stale:
        shutil.rmtree(path)
    return [path.name for path in stale]


def read(folder: Path, folds: Sequence[int], parts: dict[str, str], n_classes: int) -> list[FoldResults]:
    """The results of each fold, in the order of `folds`; `parts` is folds.csv.

    Raises PipelineError where a fold has none, or they are broken or of another split.
    """
    return [_read_fold(folder / f"fold{fold}", fold, parts, n_classes) for fold in folds]


def of_folds(found: Sequence[tuple[Sequence[str], NDArray[np.int64]]]) -> tuple[list[str], Pixels]:
    """The images that any fold predicted, and their (images, folds, classes); zeros where a fold's model was not asked.

    Each fold gives its images' ids, and (3, images, classes): their true, predicted and right pixels.
    """
    places = {item: number for number, item in enumerate(dict.fromkeys(item for ids, _ in found for item in ids))}
    whole = np.zeros((3, len(places), len(found), found[0][1].shape[2]), np.int64)
    for fold, (ids, pixels) in enumerate(found):
        whole[:, [places[item] for item in ids], fold] = pixels
    true, seen, hits = whole
    return [*places], Pixels(hits, true, seen)


def scored_model(folder: Path) -> str | None:
    """The hash of the file of the model that was scored into data/eval/foldN; None where nothing readable says it."""
    try:
        found = _origin(folder / "run.json").get(MODEL)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None


def read_tables(folder: Path, n_classes: int) -> PartScores:
    """What the tables of `write` hold. Raises FileNotFoundError for one that is missing, KeyError, IndexError, TypeError or
    ValueError for a broken one.
    """
    counts = _counts(folder / "counts.csv", n_classes)
    return _scores(folder, counts, _images(csv_rows(folder / "per_image.csv")))


def _scores(folder: Path, counts: dict[str, Confusion], images: Mapping[str, Sequence[ImageScores]]) -> PartScores:
    dice = _image_dice(images)
    pixels = _pixels(folder / "class_pixels.csv", dice, counts)
    return PartScores(counts, dice, pixels, _details(folder / "details.json", counts))


def _read_fold(folder: Path, fold: int, parts: dict[str, str], n_classes: int) -> FoldResults:
    try:
        counts = _counts(folder / "counts.csv", n_classes)
        rows = csv_rows(folder / "per_image.csv")
        images, labels = _images(rows), _labels(rows)
        found = _scores(folder, counts, images)
        history = csv_rows(folder / "history.csv")
        predictions = zips.entries(folder / "predictions.zip")
        run = _origin(folder / "run.json")
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise PipelineError(f"{folder.as_posix()}: no {name}, so fold {fold} has no results. {_remedy(fold)}") from None
    except (KeyError, IndexError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise PipelineError(f"{folder.as_posix()}: not whole ({error}). {_remedy(fold, '--force ')}") from None
    wanted = {VAL: set(splits.train_and_validation(parts, fold)[1]), TEST: set(splits.test(parts))}
    if any(set(found.dice.get(part, {})) != ids for part, ids in wanted.items()):
        raise PipelineError(f"{folder.as_posix()}: its images are not those of data/folds. {_remedy(fold)}")
    dice, pixels, details = found.dice, found.pixels, found.details
    return FoldResults(fold, counts, dice, history, run, predictions, pixels, _wrong(images), details, labels, images)


def _remedy(fold: int, option: str = "") -> str:
    return f"Run `dvc repro {option}evaluate@{fold}`."


def _origin(path: Path) -> dict[str, Any]:
    run = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(run, dict) or not {"fingerprint", "params"} <= run.keys():
        raise ValueError("run.json names no training")
    return run


def _counts(path: Path, n_classes: int) -> dict[str, Confusion]:
    """counts.csv as one matrix a part."""
    found: dict[str, Confusion] = {}
    rows = csv_rows(path)
    for row in rows:
        counts = found.setdefault(row["part"], np.zeros((n_classes, n_classes), np.int64))
        counts[int(row["truth"]), int(row["prediction"])] = int(row["pixels"])
    if len(rows) != len(found) * n_classes**2:
        raise ValueError("counts.csv is about other classes")
    return found


def _pixels(path: Path, images: Mapping[str, Any], counts: Mapping[str, Confusion]) -> dict[str, NDArray[np.int64]]:
    """class_pixels.csv as an array a part. Raises ValueError where it does not add up to the counts."""
    found = {part: np.zeros((3, len(images[part]), len(total)), np.int64) for part, total in counts.items()}
    for row in csv_rows(path):
        place = int(row["image"]), int(row["class"])
        found[row["part"]][(slice(None), *place)] = [int(row[name]) for name in PIXEL_COLUMNS[3:]]
    for part, total in counts.items():
        wanted = np.stack([total.sum(axis=1), total.sum(axis=0), np.diag(total)])
        if not np.array_equal(found[part].sum(axis=1), wanted):
            raise ValueError("class_pixels.csv does not add up to counts.csv")
    return found


def _details(path: Path, counts: Mapping[str, Confusion]) -> dict[str, Details]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {part: Details.from_json(content[part]) for part in counts}


def _images(rows: Sequence[Mapping[str, str]]) -> dict[str, list[ImageScores]]:
    """The images of each part, in the order of the file."""
    found: dict[str, list[ImageScores]] = {}
    for row in rows:
        dice, accuracy, loss = (float(row[name]) if row[name] else None for name in ("dice", "pixel_accuracy", "loss"))
        wrong, at_border = (int(row[name]) if row[name] else None for name in WRONG)
        found.setdefault(row["part"], []).append(ImageScores(row["id"], dice, accuracy, wrong, at_border, loss))
    return found


def _wrong(images: Mapping[str, Sequence[ImageScores]]) -> dict[str, tuple[int, int]]:
    """The wrong pixels of each part, and those at a border."""
    return {
        part: (sum(each.wrong or 0 for each in scored), sum(each.wrong_at_border or 0 for each in scored))
        for part, scored in images.items()
    }


def _image_dice(images: Mapping[str, Sequence[ImageScores]]) -> dict[str, dict[str, float | None]]:
    """The Dice of each part's images, None where an image has no object."""
    return {part: {each.id: each.dice for each in scored} for part, scored in images.items()}


def _labels(rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, LabelCheck]]:
    """What each part's masks are thought of."""
    found: dict[str, dict[str, LabelCheck]] = {}
    for row in rows:
        quality, given, predicted, confused = (row[name] for name in LABEL)
        confusion = (int(given), int(predicted), int(confused)) if confused else None
        found.setdefault(row["part"], {})[row["id"]] = LabelCheck(float(quality) if quality else None, confusion)
    return found


def _accuracy(scored: ScoredImage) -> float | None:
    total = int(scored.counts.sum())
    return float(np.trace(scored.counts) / total) if total else None


def _dices(scored: ScoredImage) -> list[str]:
    return [_text(value) for value in class_scores(scored.counts)["dice"]]


def _text(value: float | None) -> str:
    # repr is the shortest text that reads back as the same number.
    return "" if value is None else repr(value)
