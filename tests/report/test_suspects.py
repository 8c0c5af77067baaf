"""Suspects: their order over folds, what is said of them, and that pictures show where the label is in doubt."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segpipe import evaluation
from segpipe.dataset import pack
from segpipe.dataset.split import folds as splits
from segpipe.evaluation import LabelCheck
from segpipe.report import suspects
from segpipe.report.suspects import Suspects
from tests.report.projects import finished
from tests.report.test_examples import shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("run"), folds=(0, 1)) / "data"


def found(folder: Path, folds: tuple[int, ...], n_shown: int, **changed: dict[str, LabelCheck]) -> Suspects:
    parts = splits.read(folder / "folds/folds.csv")
    results = evaluation.read(folder / "eval", folds, parts, 3)
    results = [replace(each, labels=each.labels | changed) for each in results]
    return suspects.suspects(results, pack.open_pack(folder / "prepared"), parts, n_shown)


def test_every_image_is_looked_at_once_and_the_worst_is_first(folder: Path) -> None:
    everything = found(folder, (0, 1), 0)
    assert sorted(each.id for each in everything.ranked) == [f"image{number:02d}" for number in range(12)]
    assert [each.number for each in everything.ranked] == [*range(1, 13)]
    qualities = [each.quality for each in everything.ranked]
    assert qualities == sorted(qualities) and qualities[0] < qualities[-1]
    assert everything.to_see_all == ""


def test_with_one_fold_it_says_how_to_see_the_others(folder: Path) -> None:
    one = found(folder, (0,), 0)
    assert (len(one.ranked), one.n_images, one.to_see_all) == (8, 12, "folds: [0, 1]")


def test_a_test_image_has_the_mean_of_the_folds(folder: Path) -> None:
    by_id = {each.id: each for each in found(folder, (0, 1), 0).ranked}
    alone = [{each.id: each for each in found(folder, (fold,), 0).ranked}["image02"] for fold in (0, 1)]
    assert by_id["image02"].quality == pytest.approx(sum(each.quality for each in alone) / 2)
    # What is said of it is what the fold found that doubts it most: the second one's prediction is further off.
    assert by_id["image02"].share == alone[1].share > alone[0].share


def test_what_differs_is_said_in_classes_and_ignored_images_are_left_out(folder: Path) -> None:
    labels = {"image00": LabelCheck(None, None), "image01": LabelCheck(0.5, (0, 2, 32)), "image02": LabelCheck(0.75, None)}
    some = found(folder, (0,), 0, test=labels | {"image03": LabelCheck(0.5, None)}, val={})
    assert [each.id for each in some.ranked] == ["image01", "image03", "image02"]
    assert (some.ranked[0].given, some.ranked[0].predicted, some.ranked[0].share) == (0, 2, 0.1)
    assert (some.ranked[1].given, some.ranked[1].share) == (None, 0.0)


def test_the_table_names_files_and_classes(folder: Path, tmp_path: Path) -> None:
    everything = found(folder, (0, 1), 0)
    index = pack.read_index(folder / "prepared")
    (tmp_path / "suspects.csv").write_text(suspects.table(everything, ("background", "red", "blue"), index), encoding="utf-8")
    rows = list(csv.DictReader((tmp_path / "suspects.csv").open(encoding="utf-8")))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 13)]
    assert rows[0]["source"] == f"{rows[0]['id']}.png"
    assert {rows[0]["given"], rows[0]["predicted"]} <= {"background", "red", "blue"}
    assert rows[-1]["given"] == rows[-1]["predicted"] == ""
    assert float(rows[0]["share"]) > 0 == float(rows[-1]["share"])


def test_pictures_of_the_worst_mark_what_is_in_doubt(folder: Path) -> None:
    first, second, *others = found(folder, (0, 1), 2).ranked
    assert len(first.pictures) == len(second.pictures) == len(suspects.CAPTIONS) and not any(each.pictures for each in others)
    mask, prediction = (shown(content).astype(int) for content in first.pictures)
    assert mask.shape == prediction.shape == (16, 20, 3)
    data = pack.open_pack(folder / "prepared")
    parts = splits.read(folder / "folds/folds.csv")
    fold = int(parts[first.id])
    (results,) = evaluation.read(folder / "eval", (fold,), parts, 3)
    name = f"{evaluation.DOUBT}/val/{first.id}.png"
    decoded = np.asarray(suspects.decode_mask(results.predictions[name].read(), name))
    moved = data.mask(first.id) != suspects.decode_mask(results.predictions[f"val/{first.id}.png"].read(), name)
    # These models are sure of themselves, so what is wrong is in doubt to the full.
    assert np.array_equal(decoded == 255, moved) and moved.any()
    redder = (mask[..., 0] - mask[..., 1]) - (prediction[..., 0] - prediction[..., 1])
    assert redder[moved].mean() > 30 + redder[~moved].mean()
