"""Trainings that are validated now and then, on few images, and that keep averaged weights: as params.yaml asks for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segpipe import evaluation, paths
from segpipe.dataset.split import folds
from segpipe.params.load import load_params
from segpipe.params.stage_keys import EvaluateKeys, TrainKeys
from segpipe.scores.counts import scores
from segpipe.training import loop, resume
from segpipe.workflows import train
from segpipe.workflows.assemble import batch_ids, with_images
from segpipe.workflows.evaluate import evaluate
from tests.training.test_resume import CutError, cut_after, ended

SPARSE: dict[str, Any] = {"epochs": 4, "validate_every": 2, "validate_images": 3, "ema": 0.9, "precision": "bf16"}


@pytest.fixture
def inside(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")


def with_train(**changes: Any) -> TrainKeys:
    params = TrainKeys.of(load_params())
    return params.model_copy(update={"train": params.train.model_copy(update=changes)})


def kinds(history: list[loop.Record]) -> list[str]:
    """Which parts each epoch has numbers of."""
    return [" ".join(part for part in ("subset", "val") if f"{part}_dice" in record) for record in history]


@pytest.mark.usefixtures("inside")
def test_the_score_of_the_best_epoch_is_that_of_evaluate_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    trained = train.train(with_train(**SPARSE), 0)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert ["not validated" in line for line in said] == [True, False, True, False]
    assert "validation of the subset  loss" in said[1] and "validation  loss" in said[3]
    assert trained.best_epoch == 3
    evaluate(EvaluateKeys.of(load_params()), 0)
    (found,) = evaluation.read(Path("data/eval"), (0,), folds.read(paths.FOLDS), 5)
    assert found.run["best_epoch"] == 3
    wanted = scores([found.counts[evaluation.VAL]], has_background=True)
    assert [wanted[name] for name in ("miou", "dice")] == [float(found.history[3][f"val_{name}"]) for name in ("miou", "dice")]
    assert found.history[1]["subset_dice"] and not found.history[1]["val_dice"] and not found.history[0]["subset_dice"]


@pytest.mark.usefixtures("inside")
def test_an_early_stop_by_the_subset_ends_in_an_epoch_that_was_validated_on_all() -> None:
    # At a rate of 0, and without statistics, no epoch is better than the first one that is validated.
    params = with_train(**SPARSE | {"epochs": 40, "early_stop": 3})
    still = {"optim": params.optim.model_copy(update={"lr": 0.0}), "model": params.model.model_copy(update={"norm": "instance"})}
    params = params.model_copy(update=still)
    training = train.prepare(params, 0)
    best = loop.fit(training.run)
    assert kinds(training.run.progress.history) == ["", "subset", "", "subset", "", "subset val"]
    assert best.epoch == 5


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(("calls", "steps"), [(1, 0), (6, 0), (9, 0), (13, 0), (6, 3), (13, 3)])
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, steps: int, tmp_path: Path) -> None:
    states, params = resume.SavedStates(tmp_path, 0.0), with_train(**SPARSE, steps_per_epoch=steps)
    cut = train.prepare(params, 0).run
    assert cut.n_batches == 3, "so that the cuts are in the first epoch, in the second, in the third, and in the last"
    with pytest.raises(CutError):
        loop.fit(replace(cut, save_state=cut_after(calls, states.saver(None))))
    again = train.prepare(params, 0).run
    assert states.restore(again, None)
    assert ended(again) == ended(train.prepare(params, 0).run)


@pytest.mark.usefixtures("inside")
def test_epochs_of_steps_train_on_other_images_and_a_batch_of_them_is_known_without_reading() -> None:
    plain, steps = (train.prepare(with_train(**SPARSE, steps_per_epoch=each), 0) for each in (0, 5))
    assert (plain.run.n_batches, steps.run.n_batches) == (3, 5)
    for training in (plain, steps):
        images = [batch.ids for epoch in range(2) for batch in training.run.batches(epoch, 0)]
        assert [batch_ids(training, epoch, number) for epoch in range(2) for number in range(training.run.n_batches)] == images
    assert with_images(steps, None, 1).run.n_batches == 5
    # Trials on fewer images show each of them once.
    assert with_images(steps, 4, 1).run.n_batches == with_images(plain, 4, 1).run.n_batches < 3


@pytest.mark.usefixtures("inside")
def test_a_subset_of_all_is_no_subset_and_changes_nothing() -> None:
    plain, other = train.prepare(with_train(), 0), train.prepare(with_train(validate_images=99), 0)
    assert ended(other.run) == ended(plain.run)
    assert kinds(plain.run.progress.history) == ["val", "val"]
