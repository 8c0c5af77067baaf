"""train.strategy private as params.yaml asks for it: what is drawn, spent, refused, written into the card and shown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.params.load import load_params
from segpipe.params.schema import require_repeatable
from segpipe.params.stage_keys import TrainKeys
from segpipe.report import numbers
from segpipe.training import loop
from segpipe.workflows import model_info, private_training, strategies, train
from segpipe.workflows.assemble import Training, with_images
from segpipe.workflows.strategy_parts import Parts
from segpipe.workflows.training_data import TrainingData, read_fold
from tests.training.test_resume import ended

DP: dict[str, Any] = {"target_delta": 0.01, "test_seed": 3}


@pytest.fixture
def inside(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")


def private_params(train: dict[str, Any] | None = None, **dp: Any) -> TrainKeys:
    params = TrainKeys.of(load_params())
    changes = {
        "train": params.train.model_copy(update={"strategy": "private"} | (train or {})),
        "dp": params.dp.model_copy(update=DP | dp),
        "input": params.input.model_copy(update={"normalise": "centred"}),
    }
    return params.model_copy(update=changes)


def prepared(train_keys: dict[str, Any] | None = None, **dp: Any) -> Training:
    return train.prepare(private_params(train_keys, **dp), 0)


def grouped(data: TrainingData, *groups: str) -> TrainingData:
    """The same images, of these groups in turn."""
    index = data.pack.index.copy()
    index["group"] = pd.Series([groups[number % len(groups)] for number in range(len(index))], index.index)
    return replace(data, pack=replace(data.pack, index=index))


@pytest.mark.usefixtures("inside")
def test_a_private_training_says_what_it_spent_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    trained = train.train(private_params({"snapshot_every": 1}, test_seed=-1), 0)
    said = capsys.readouterr().out
    card = model_file.load(trained.model)[1]
    entry = card.training["privacy"]
    assert trained.best_epoch == 1, "the last one, whatever the validation says"
    assert 7.8 < entry["epsilon"] <= 8.0
    assert entry["guarantee"] and entry["unit"] == "image" and entry["noise_multiplier"] > 0
    assert card.model.norm == "group"
    assert f"epsilon {entry['epsilon']:.3g} at delta 0.01" in said and f"private: noise {entry['noise_multiplier']:g}" in said
    epochs = [line for line in said.splitlines() if line.startswith("epoch ")]
    assert f", epsilon {entry['epsilon']:.3g} |" in epochs[-1]
    history = (trained.model.parent / "history.csv").read_text(encoding="utf-8").splitlines()
    assert history[0].split(",")[-1] == "epsilon" and float(history[2].split(",")[-1]) == entry["epsilon"]
    lines = dict(model_info.lines(card.to_dict()))
    shown = lines["privacy"]
    assert lines["epochs"] == "2, the last is kept"
    snapshots = [model_file.load(path)[1] for path in sorted(trained.model.parent.glob("snapshots/*"))]
    assert [each.training["epoch"] for each in snapshots] == [0, 1]
    assert [each.training["privacy"]["epsilon"] for each in snapshots] == [float(row.split(",")[-1]) for row in history[1:]]
    assert dict(model_info.lines(snapshots[0].to_dict()))["privacy"].startswith("epsilon ")
    assert shown.startswith(f"epsilon {entry['epsilon']:.4g} at delta 0.01") and "not covered: losses of training images" in shown


@pytest.mark.usefixtures("inside")
def test_a_test_seed_repeats_a_training_and_no_other_is_repeated() -> None:
    first = ended(prepared().run)
    assert ended(prepared().run) == first != ended(prepared(test_seed=4).run)
    assert ended(prepared(test_seed=-1).run) != ended(prepared(test_seed=-1).run)
    training = prepared()
    assert not training.card.training["privacy"]["guarantee"]
    assert "NO GUARANTEE" in private_training.notes(training.card.training, 2)[-1]
    assert "no guarantee" in dict(model_info.lines(training.card.to_dict()))["privacy"]


@pytest.mark.usefixtures("inside")
def test_averaged_weights_parts_and_images_held_on_the_device_go_together() -> None:
    params = private_params({"ema": 0.9, "accumulate": 2, "precision": "bf16"})
    params = params.model_copy(update={"augment": params.augment.model_copy(update={"library": "torchvision"})})
    run = train.prepare(params, 0).run
    assert ended(run) == ended(train.prepare(params, 0).run)
    assert run.progress.history[-1]["epsilon"] <= 8.0


@pytest.mark.usefixtures("inside")
def test_a_training_of_some_images_takes_the_place_of_the_whole() -> None:
    some = with_images(prepared(noise_multiplier=1.0, target_epsilon=0.0), 4, 1)
    loop.fit(some.run)
    assert some.run.n_batches == 2


@pytest.mark.usefixtures("inside")
def test_the_budget_ends_the_training() -> None:
    whole = prepared({"epochs": 9}, noise_multiplier=2.0, target_epsilon=0.0)
    assert whole.run.epochs == 9
    costs = [private_training._mechanism(whole.params, whole.data).epsilon(epochs) for epochs in (1, 2, 3)]
    cut = prepared({"epochs": 9}, noise_multiplier=2.0, target_epsilon=(costs[1] + costs[2]) / 2)
    loop.fit(cut.run)
    assert [record["epsilon"] for record in cut.run.progress.history] == costs[:2]
    notes = "; ".join(private_training.notes(cut.card.training, cut.run.epochs))
    assert "2 epochs spend epsilon" in notes and "lasts for 2 of 9 epochs; write train.epochs 2" in notes
    with pytest.raises(PipelineError, match=r"does not last for an epoch, which spends .* Raise dp\.noise_multiplier"):
        prepared(noise_multiplier=2.0, target_epsilon=costs[0] / 2)


@pytest.mark.usefixtures("inside")
def test_the_unit_is_the_group_where_there_are_groups_and_it_counts_as_one() -> None:
    data, params = read_fold(0), private_params()
    alone = private_training.record(params, data)["privacy"]
    assert (alone["unit"], alone["units"]) == ("image", len(data.train_ids))
    shared = grouped(data, "patient 1", "patient 2", "")
    units = private_training.units(shared)
    assert sorted(item for unit in units for item in unit) == sorted(data.train_ids)
    assert sorted(map(len, units))[-2:] != [1, 1] and len(units) < len(data.train_ids)
    entry = private_training.record(params, shared)["privacy"]
    assert (entry["unit"], entry["units"]) == ("group", len(units))
    # A group is drawn more often than an image of many, which takes more noise.
    assert entry["rate"] > alone["rate"] and entry["noise_multiplier"] > alone["noise_multiplier"]
    with pytest.raises(PipelineError, match=r"more than the 2 groups, of which each is in it once at most\. Write 2 or fewer"):
        private_training.prepare(*given(params, grouped(data, "patient 1", "patient 2"), batch_size=3))


def given(params: TrainKeys, data: TrainingData, batch_size: int) -> Any:
    changed = params.model_copy(update={"train": params.train.model_copy(update={"batch_size": batch_size})})
    training = train.prepare(params, 0)
    parts = Parts(training.segmenter, None, training.segmenter, None, lambda order: training.run.batches)
    return training.run, changed, data, parts


@pytest.mark.usefixtures("inside")
def test_what_a_delta_would_tell_whole_and_classes_that_decide_who_is_drawn_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"dp\.target_delta: 0\.5 is 1 of \d+ images or more.*Write less than"):
        prepared(target_delta=0.5, noise_multiplier=1.0, target_epsilon=0.0)
    for augment in ({"rare_classes": 0.5}, {"preset": "crop"}):
        params = private_params()
        changed = params.model_copy(update={"augment": params.augment.model_copy(update=augment)})
        with pytest.raises(PipelineError, match=r"augment\.rare_classes is 0\.5 .*Write augment\.rare_classes 0"):
            train.prepare(changed, 0)


@pytest.mark.usefixtures("inside")
def test_it_is_not_compared_with_another() -> None:
    params = load_params()
    require_repeatable(params)
    changed = params.model_copy(update={"train": params.train.model_copy(update={"strategy": "private"})})
    with pytest.raises(PipelineError, match="neither a step nor a training comes out the same"):
        require_repeatable(changed)


def test_the_card_and_the_report_call_it_alike() -> None:
    assert private_training.PRIVACY == numbers.PRIVACY


def test_a_single_process_is_left_as_it_is() -> None:
    single, params = strategies.STRATEGIES["single"], object()
    assert single.resolve(params) is params  # type: ignore[arg-type, comparison-overlap]
    assert single.prepare(params, None, None, None) is params  # type: ignore[arg-type, comparison-overlap]
    assert single.record(params, None) == {}  # type: ignore[arg-type]


@pytest.mark.usefixtures("inside")
def test_what_a_gpu_could_not_repeat_is_looked_for_without_the_hooks_of_a_private_training() -> None:
    train._require_repeatable(replace(prepared(), device=torch.device("cuda")))
