"""Scoring: the prediction, its counts and its loss are those of the image, and go into the files as they are."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segpipe import evaluation
from segpipe.dataset.loader import WholeImage
from segpipe.errors import DataError
from segpipe.evaluation import ScoredImage
from segpipe.images.decode import decode_mask
from segpipe.inference import scoring
from segpipe.losses import table as losses
from segpipe.losses.cross_entropy import cross_entropy
from segpipe.losses.table import Classes, Losses
from segpipe.params.schema import InferParams
from segpipe.scores.label_quality import doubt, given_levels, label_quality
from segpipe.storage.zips import entries
from tests.dataset.packs import noise
from tests.inference.cards import PARAMS, small

INFER = InferParams(max_pixels=10**6, tile=64, overlap=0.25, flips="none", scales=(1.0,))
CPU = torch.device("cpu")


def objective(logits: torch.Tensor, target: torch.Tensor) -> Losses:
    return {"loss": cross_entropy(logits, target)}


def scored(classes: int = 3) -> list[ScoredImage]:
    segmenter, card = small(classes)
    images = [WholeImage(f"a/{k}", noise(k, 20 + k, 30), noise(k + 9, 20 + k, 30)[:, :, 0] % classes) for k in range(3)]
    images[1].mask[:5] = 255
    return list(scoring.score_images(segmenter, images, classes, objective, card.infer, 0, CPU))


def test_counts_are_of_the_valid_pixels() -> None:
    assert [int(each.counts.sum()) for each in scored()] == [20 * 30, 16 * 30, 22 * 30]


def test_a_model_that_knows_the_answer_scores_fully() -> None:
    mask = np.array([[0, 1], [1, 255]], np.uint8)
    image = WholeImage("a", np.repeat(np.where(mask == 1, 255, 0).astype(np.uint8)[:, :, None], 1, axis=2), mask)
    (found,) = scoring.score_images(lambda x: x * 200 - 100, [image], 2, objective, INFER, 0, CPU)
    assert found.counts.tolist() == [[1, 0], [0, 2]]
    assert found.losses["loss"] < 1e-6
    assert found.prediction.tolist() == [[0, 1], [1, 0]]


def test_files_hold_what_was_scored(tmp_path: Path) -> None:
    found = scored()
    evaluation.write(
        tmp_path, {"val": found[:1], "test": found[1:]}, ("background", "a", "b"), has_background=True, tolerance=2.0
    )
    rows = list(csv.DictReader((tmp_path / "counts.csv").open(encoding="utf-8")))
    test = np.zeros((3, 3), int)
    for row in rows:
        if row["part"] == "test":
            test[int(row["truth"]), int(row["prediction"])] = int(row["pixels"])
    assert np.array_equal(test, found[1].counts + found[2].counts)
    pixels = list(csv.DictReader((tmp_path / "class_pixels.csv").open(encoding="utf-8")))
    for row in pixels:
        counts = found[int(row["image"]) + (row["part"] == "test")].counts
        number = int(row["class"])
        wanted = (counts[number].sum(), counts[:, number].sum(), counts[number, number])
        assert tuple(int(row[name]) for name in ("true", "predicted", "right")) == wanted
    assert sum(int(row["true"]) for row in pixels) == sum(int(each.counts.sum()) for each in found)
    images = list(csv.DictReader((tmp_path / "per_image.csv").open(encoding="utf-8")))
    assert [(row["part"], row["id"]) for row in images] == [("val", "a/0"), ("test", "a/1"), ("test", "a/2")]
    assert float(images[0]["loss"]) == found[0].losses["loss"]
    pictures = entries(tmp_path / "predictions.zip")
    assert np.array_equal(decode_mask(pictures["test/a/1.png"].read(), "a"), found[1].prediction)


def with_an_ignored_image() -> list[ScoredImage]:
    """Three images, of which the second is ignored wholly."""
    segmenter, card = small(3)
    images = [WholeImage(f"a/{k}", noise(k, 20, 30), noise(k + 9, 20, 30)[:, :, 0] % 3) for k in range(3)]
    images[1].mask[:] = 255
    loss = losses.build(PARAMS.loss, Classes(True))
    return list(scoring.score_images(segmenter, images, 3, loss, card.infer, 0, CPU, with_levels=True))


def test_an_image_that_is_ignored_wholly_has_no_loss_and_no_score(tmp_path: Path) -> None:
    found = with_an_ignored_image()
    assert found[1].losses == {"loss": None, "loss_dice": None, "loss_cross_entropy": None}
    assert all(value is not None and value > 0 for each in (found[0], found[2]) for value in each.losses.values())
    evaluation.write(tmp_path, {"val": found, "test": found[1:2]}, ("background", "a", "b"), has_background=True, tolerance=2.0)
    rows = list(csv.DictReader((tmp_path / "per_image.csv").open(encoding="utf-8")))
    empty = [[*row.values()][2:] for row in rows if row["id"] == "a/1"]
    assert empty == [[""] * 14] * 2
    assert all(value for row in rows if row["id"] != "a/1" for value in row.values())


def test_what_is_thought_of_a_mask_goes_into_the_files(tmp_path: Path) -> None:
    found = with_an_ignored_image()
    evaluation.write(tmp_path, {"val": found, "test": []}, ("background", "a", "b"), has_background=True, tolerance=2.0)
    first, ignored, _ = csv.DictReader((tmp_path / "per_image.csv").open(encoding="utf-8"))
    assert found[0].levels is not None
    given = given_levels(found[0].levels, found[0].mask)
    assert float(first["label_quality"]) == label_quality(given, found[0].mask)
    counts = found[0].counts
    assert (
        int(first["confused"])
        == counts[int(first["given"]), int(first["predicted"])]
        == (counts - np.diag(np.diag(counts))).max()
    )
    assert [ignored[name] for name in evaluation.LABEL] == [""] * 4
    pictures = entries(tmp_path / "predictions.zip")
    assert np.array_equal(decode_mask(pictures["doubt/val/a/0.png"].read(), "a"), doubt(given))
    assert not decode_mask(pictures["doubt/val/a/1.png"].read(), "a").any()


def test_logits_that_are_no_numbers_are_no_prediction() -> None:
    segmenter, card = small(3)
    images = [WholeImage(f"a/{k}", noise(k), np.zeros((24, 32), np.uint8)) for k in range(2)]
    calls: list[int] = []

    def broken(image: torch.Tensor) -> torch.Tensor:
        calls.append(0)
        logits = segmenter(image)
        logits[0, 1, 2, 3] = math.nan if len(calls) == 2 else logits[0, 1, 2, 3]
        return logits

    with pytest.raises(DataError, match=r"^a/1: the model's logits for it are not finite numbers, so it has no prediction"):
        list(scoring.score_images(broken, images, 3, objective, card.infer, 0, CPU))


def test_the_parts_of_a_loss_have_their_columns(tmp_path: Path) -> None:
    found = [replace(each, losses=each.losses | {"loss_dice": number / 4}) for number, each in enumerate(scored())]
    evaluation.write(tmp_path, {"val": [], "test": found}, ("background", "a", "b"), has_background=True, tolerance=2.0)
    images = list(csv.DictReader((tmp_path / "per_image.csv").open(encoding="utf-8")))
    assert list(images[0])[10:13] == ["loss", "loss_dice", "dice_0"]
    assert [float(row["loss_dice"]) for row in images] == [0, 0.25, 0.5]
    assert [float(row["loss"]) for row in images] == [each.losses["loss"] for each in found]


def test_an_empty_test_part_is_no_mistake(tmp_path: Path) -> None:
    evaluation.write(tmp_path, {"val": scored()[:1], "test": []}, ("background", "a", "b"), has_background=True, tolerance=2.0)
    assert "test" not in (tmp_path / "counts.csv").read_text(encoding="utf-8")
