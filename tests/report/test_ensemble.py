"""The ensemble beside the folds: its scores and what it is above their mean, by hand, and where it is shown."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.inference import ensemble_file
from segpipe.report import ensemble, intervals, numbers, page
from segpipe.report.ensemble import Ensemble
from tests.report.projects import CLASSES, finished
from tests.report.test_page import Reader, gathered

ALL = [name for name in numbers.names(True) if name != "hd95"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("run"), folds=(0, 1))


def computed(folder: Path, groups: Mapping[str, str]) -> Ensemble:
    parts = splits.read(folder / "data/folds/folds.csv")
    results = evaluation.read(folder / "data/eval", (0, 1), parts, len(CLASSES))
    read = ensemble_file.read(folder / "data/ensemble", results, parts, len(CLASSES))
    found = ensemble.compute(read, results, groups, has_background=True)
    assert found is not None
    return found


def test_gains_are_over_the_mean_of_the_folds_and_their_intervals_over_the_same_images(folder: Path) -> None:
    groups = splits.read_groups(folder / "data/folds/folds.csv")
    found = computed(folder, groups)
    # Three images are right, and of the fourth nothing was found.
    assert found.scores["dice_per_image"] == 0.75
    own = [scores["dice_per_image"] for scores in found.of_folds]
    assert found.gains["dice_per_image"] == pytest.approx(0.75 - np.mean(np.array(own, float)))
    for name in ALL:
        sure, gain = found.sure[name], found.gains[name]
        assert gain is not None and sure.low is not None and sure.high is not None
        assert sure.value == pytest.approx(gain) and sure.low < gain < sure.high and (sure.n_units, sure.unit) == (4, "images")
    assert found.bounds.scores["dice"].n_units == 4 and set(found.gains) == set(found.scores)
    pairs = {item: f"patient {number // 2}" for number, item in enumerate(groups)}
    assert (computed(folder, pairs).sure["dice"].n_units, computed(folder, pairs).sure["dice"].unit) == (2, "groups")


def test_metrics_have_it_as_parts_of_their_own(folder: Path) -> None:
    found = computed(folder, splits.read_groups(folder / "data/folds/folds.csv"))
    section = ensemble.summary(found)["ensemble"]
    assert section["dice_per_image"] == 0.75 and section["dice_gain"] == round(found.gains["dice"] or 0, 6)
    rows = [*csv.DictReader(io.StringIO(intervals.table(ensemble.bounds(found), CLASSES)))]
    assert [row["score"] for row in rows if row["part"] == "ensemble_gain"] == ALL
    assert {row["class"] for row in rows if row["part"] == "ensemble"} == {"", *CLASSES}
    assert ensemble.summary(None) == {} and ensemble.bounds(None) == {}


def test_the_page_has_a_section_with_several_folds_alone(folder: Path) -> None:
    contents = gathered(folder, (0, 1))
    html = page.render(contents)
    text = " ".join(Reader(html).text.split())
    assert '<section id="ensemble"' in html
    assert contents.ensemble and "the mean of their probabilities 0." in text
    assert "Mean of the foldsAbove itFold 0Fold 1" in text
    one = page.render(replace(contents, ensemble=None))
    assert '<section id="ensemble"' not in one and "their probabilities" not in one
    assert gathered(folder, (1,)).ensemble is None
