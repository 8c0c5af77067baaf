"""Small finished runs, written by hand: all that the report reads, made without training."""

import csv
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from segpipe import decided
from segpipe.dataset import pack, presets
from segpipe.dataset.split import balance_report
from segpipe.dataset.split import folds as splits
from segpipe.dataset.split.assign import Assignment
from segpipe.dataset.split.kept_folds import KeptFolds
from segpipe.decided import Chosen
from segpipe.evaluation import DOUBT, LABEL, MODEL, PIXEL_COLUMNS, WRONG, FoldResults, ImageScores, ScoredImage
from segpipe.images.encode import encode_gray, encode_mask, encode_png
from segpipe.inference import closer_look_file, ensemble_file, snapshot_scores
from segpipe.inference.closer_look_file import CloserLook
from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.params.decision import ARGMAX
from segpipe.params.stage_keys import NEVER_A_RESULT, TrainKeys
from segpipe.scores.border_errors import wrong_pixels
from segpipe.scores.counts import Confusion, confusion, image_dice
from segpipe.scores.details import DetailCounter
from segpipe.scores.label_quality import doubt, given_levels, label_quality, largest_confusion
from segpipe.scores.levels import levels
from segpipe.storage.files import write_bytes, write_json
from segpipe.storage.zips import write_zip
from tests import plain_params
from tests.dataset.packs import made

CLASSES = ("background", "red", "blue")
COLOURS = np.array([[90, 90, 90], [200, 30, 30], [30, 30, 200]], np.uint8)
HISTORY = ("epoch", "lr", "train_loss", "val_loss", "val_miou", "val_dice")


def finished(
    folder: Path, folds: Sequence[int] = (0,), classes: tuple[str, ...] = CLASSES, n_test: int = 4, n_images: int = 12
) -> Path:
    """A folder as it is after `export`: images of 20 x 16 pixels in two folds and a test part, `folds` trained."""
    ids = [f"image{number:02d}" for number in range(n_images)]
    masks = {item: mask(seed, len(classes)) for seed, item in enumerate(ids)}
    made(folder / "data", {item: (COLOURS[each % 3], each) for item, each in masks.items()}, classes)
    parts = {item: splits.TEST if number < n_test else str(number // 2 % 2) for number, item in enumerate(ids)}
    splits.write(folder / "data/folds/folds.csv", parts)
    write_proof(folder / "data", parts, classes)
    for fold in folds:
        write_results(folder / f"data/eval/fold{fold}", fold, parts, masks, len(classes))
    if len(folds) > 1 and n_test:
        write_ensemble(folder / "data/ensemble", folds, parts, masks, classes)
    write_params(folder, folds)
    write_doctor(folder / "data/doctor")
    return folder


def write_proof(folder: Path, parts: dict[str, str], classes: tuple[str, ...]) -> None:
    """What stage split would prove of these parts, each image a group of its own."""
    index, info = pack.read_index(folder / "prepared"), pack.read_info(folder / "prepared")
    shares = {part: Fraction(1, len(set(parts.values()))) for part in parts.values()}
    split = Assignment(parts, dict(zip(parts, parts, strict=True)), {}, shares, KeptFolds("", "", {}))
    balance_report.write(folder / "folds/proof.json", balance_report.compute(index, pack.pixel_columns(info), classes, split))


def write_doctor(folder: Path) -> None:
    """data/doctor with a warning about files of hostile names."""
    finding = {"severity": "warning", "problem": "no <b>object</b>", "remedy": "Look.", "files": ["<i>.png"] * 12}
    write_json(folder / "findings.json", [finding])
    for name in ("contact_sheet", "statistics"):
        write_bytes(folder / f"{name}.png", encode_png(np.full((30, 40, 3), 200, np.uint8)))


def mask(seed: int, n_classes: int) -> NDArray[np.uint8]:
    """A mask of background with a rectangle of another class."""
    drawn = np.zeros((16, 20), np.uint8)
    drawn[3 : 6 + seed % 8, 4:12] = 1 + seed % (n_classes - 1)
    return drawn


def write_params(folder: Path, folds: Sequence[int], **report: Any) -> None:
    """Our own params.yaml with other folds."""
    params = yaml.safe_load(plain_params.TEXT)
    params |= {"folds": list(folds), "report": {"n_examples": 2, "n_images": 3, "baseline": []} | report}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def write_results(
    folder: Path,
    fold: int,
    parts: dict[str, str],
    masks: dict[str, NDArray[np.uint8]],
    n_classes: int,
    predicted: Callable[[str, int], NDArray[np.uint8]] | None = None,
) -> None:
    """data/eval/foldN of a model whose predictions are the truth moved to the right, each image more than the last.

    Or of one that predicts what `predicted` gives for an image and its number.
    """
    rows, pictures, pixels = [], [], []
    totals: dict[str, Confusion] = {}
    counters = {part: DetailCounter(n_classes, has_background=True, tolerance=2.0) for part in ("val", "test")}
    for part, ids in (("val", splits.train_and_validation(parts, fold)[1]), ("test", splits.test(parts))):
        for number, item in enumerate(ids):
            seen = predicted(item, number) if predicted else np.roll(masks[item], number + fold, axis=1)
            counts = confusion(masks[item], seen, n_classes)
            totals[part] = totals.get(part, 0) + counts
            for each in range(n_classes):
                pixels.append([part, number, each, counts[each].sum(), counts[:, each].sum(), counts[each, each]])
            of_each = levels(np.eye(n_classes, dtype=np.float32)[seen].transpose(2, 0, 1))
            counters[part].add(masks[item], seen, of_each)
            given = given_levels(of_each, masks[item])
            label = [label_quality(given, masks[item]), *(largest_confusion(counts) or ("", "", ""))]
            scored = [image_dice(counts, True), np.trace(counts) / counts.sum(), *wrong_pixels(masks[item], seen)]
            rows.append([part, item, *scored, *label, number / 4])
            pictures.append((f"{part}/{item}.png", encode_mask(seen)))
            pictures.append((f"{DOUBT}/{part}/{item}.png", encode_gray(doubt(given))))
    cells = [
        [part, true, seen, int(total[true, seen])]
        for part, total in totals.items()
        for true in range(n_classes)
        for seen in range(n_classes)
    ]
    folder.mkdir(parents=True)
    _csv(folder / "counts.csv", ("part", "truth", "prediction", "pixels"), cells)
    decided.write(folder, Chosen(ARGMAX))
    write_json(folder / "details.json", {part: counters[part].details().to_json() for part in totals})
    _csv(folder / "class_pixels.csv", PIXEL_COLUMNS, pixels)
    _csv(folder / "per_image.csv", ("part", "id", "dice", "pixel_accuracy", *WRONG, *LABEL, "loss"), rows)
    _csv(folder / "history.csv", HISTORY, [[epoch, 0.01, 1 / (epoch + 1), 1.5 / (epoch + 2), 0.2, 0.3] for epoch in range(4)])
    write_zip(folder / "predictions.zip", pictures)
    write_closer_look(folder / "closer_look.zip", parts, masks)
    snapshot_scores.write(
        folder / "snapshots.csv", [SnapshotScores(2, 4, 0.25, None, 0.125), SnapshotScores(4, 4, 1.0, 1.0, 0.75)]
    )
    write_run(folder, fold)


def write_ensemble(
    folder: Path, folds: Sequence[int], parts: dict[str, str], masks: dict[str, NDArray[np.uint8]], classes: tuple[str, ...]
) -> None:
    """data/ensemble of a mean that is right but for the last test image, of which it takes all for background."""
    ids = splits.test(parts)
    scored = []
    for item in ids:
        seen = np.zeros_like(masks[item]) if item == ids[-1] else masks[item]
        counts, of_each = confusion(masks[item], seen, len(classes)), np.eye(len(classes), dtype=np.float32)[seen]
        scored.append(ScoredImage(item, masks[item], seen, counts, {}, levels(of_each.transpose(2, 0, 1))))
    ensemble_file.write(folder, scored, {fold: f"model{fold}" for fold in folds}, classes, True, 2.0, "pixels", {})


def write_closer_look(path: Path, parts: dict[str, str], masks: dict[str, NDArray[np.uint8]]) -> None:
    """The confidence, the attention and the epochs of the first two images of the part that is spoken of."""
    ids = [*(splits.test(parts) or splits.train_and_validation(parts, 0)[1])][:2]
    half, early = np.full((16, 20), 128, np.uint8), {2: np.zeros((16, 20), np.uint8)}
    look = CloserLook(
        dict.fromkeys(ids, half),
        {item: dict.fromkeys((2, 4), half.astype(np.uint16) * 257) for item in ids},
        {item: early | {4: masks[item]} for item in ids},
    )
    closer_look_file.write(path, look)


def write_run(folder: Path, fold: int, **more: Any) -> None:
    """run.json, as evaluate leaves it."""
    content: dict[str, Any] = {
        "fingerprint": f"print{fold}",
        MODEL: f"model{fold}",
        "fold": fold,
        "best_epoch": 2,
        "epochs": 4,
        "device": "cpu",
        "versions": {"numpy": "2"},
        "params": trained_with(),
    }
    (folder / "run.json").write_text(json.dumps(content | more), encoding="utf-8")


def trained_with(preset: str = "custom", **input_keys: Any) -> dict[str, Any]:
    """The parameters of a training, as run.json names them."""
    params = TrainKeys.of(plain_params.PARAMS)
    augment = presets.resolved(params.augment.model_copy(update={"preset": preset}))
    image = params.input.model_copy(update={"crop": 16} | input_keys)
    return params.model_copy(update={"augment": augment, "input": image}).model_dump(exclude=NEVER_A_RESULT, mode="json")


def results(fold: int, **dice: dict[str, float | None]) -> FoldResults:
    """A fold whose parts have the given image scores, and counts of two classes that differ from fold to fold."""
    counts = np.array([[8, 2], [1, 9 + fold]])
    history = [{"epoch": str(epoch), "val_dice": f"0.{epoch + fold}"} for epoch in range(2)]
    # All of them in the first image.
    pixels = {part: np.zeros((3, len(images), 2), np.int64) for part, images in dice.items()}
    for each in pixels.values():
        each[:, :1] = np.stack([counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)])[:, None]
    images = {
        part: [ImageScores(item, value, 0.5, 10, 5, 0.25) for item, value in scored.items()] for part, scored in dice.items()
    }
    return FoldResults(fold, dict.fromkeys(dice, counts), dice, history, {}, {}, pixels, {}, {}, images=images)


def _csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
