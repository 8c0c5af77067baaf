"""How the models learned: best epochs as people count, and only the parts that every fold has."""

import dataclasses

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
