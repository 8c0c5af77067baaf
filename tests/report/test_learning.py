"""How the models learned: best epochs as people count, and only the parts that every fold has."""

import dataclasses
import re

from segpipe.report import learning
from tests.report.projects import results


def test_epochs_count_from_one_and_a_best_one_that_is_not_named_is_none() -> None:
    named = dataclasses.replace(results(1, val={}), run={"best_epoch": 0})
    found = learning.folds([results(0, val={}), named], True)
    assert [(fold.number, fold.best_epoch, fold.n_epochs) for fold in found] == [(0, None, 2), (1, 1, 2)]


def test_scores_are_of_the_parts_that_every_fold_has() -> None:
    found = learning.folds([results(0, val={"a": 0.5}, test={"b": 0.5}), results(1, val={"a": 0.5})], True)
    assert [list(fold.scores) for fold in found] == [["val"], ["val"]]
    assert found[0].scores["val"]["dice_per_image"] == 0.5


def test_a_mixture_has_a_chart_a_term_after_the_two_of_all() -> None:
    mixed = dataclasses.replace(results(0, val={}), history=[{"train_loss": "1", "train_loss_ce": "2", "val_loss_ce": "3"}])
    found = learning.charts([mixed])
    assert [chart.title for chart in found] == ["Loss", "Validation scores", "Part of the loss: ce"]
    assert found[2].names == ("training", "validation")


def test_where_a_subset_was_validated_in_most_epochs_it_is_what_is_drawn() -> None:
    rows = [{"train_loss": "1", "subset_loss": str(epoch), "subset_dice": "0.5"} for epoch in range(4)]
    rows[3] |= {"val_loss": "9", "val_dice": "0.25"}
    watched = learning.charts([dataclasses.replace(results(0, val={}), history=rows)])
    assert [chart.title for chart in watched] == ["Loss", "Subset of validation scores"]
    assert watched[0].names == ("training", "subset of validation")
    renamed = [{name.replace("subset_", "val_"): value for name, value in row.items() if "val" not in name} for row in rows]
    plain = learning.charts([dataclasses.replace(results(0, val={}), history=renamed)])
    assert [line_of(chart) for chart in watched] == [line_of(chart) for chart in plain]


def line_of(chart: learning.Chart) -> list[str]:
    """The drawing's lines, without its ids, which differ."""
    return re.findall(r'<path d="([^"]+)"', chart.svg)
