"""train.strategy federated as params.yaml asks for it: whose images are whose, what is refused, written and shown."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows import federated_training, model_info, train
from segpipe.workflows.assemble import Training, assemble, batch_ids
from segpipe.workflows.federated_training import Site, sites
from segpipe.workflows.training_data import TrainingData, read_fold


@pytest.fixture(autouse=True)
def inside(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")


def federated_params(train_keys: dict[str, Any] | None = None, **federated: Any) -> TrainKeys:
    params = TrainKeys.of(load_params())
    changes = {
        "train": params.train.model_copy(update={"strategy": "federated"} | (train_keys or {})),
        "federated": params.federated.model_copy(update={"sites": "group"} | federated),
    }
    return params.model_copy(update=changes)


def grouped(data: TrainingData, *groups: str) -> TrainingData:
    """The same images, of these groups in turn, training images first."""
    index = data.pack.index.copy()
    index["group"] = ""
    for ids in (data.train_ids, data.validation_ids):
        index.loc[ids, "group"] = [groups[number % len(groups)] for number in range(len(ids))]
    return replace(data, pack=replace(data.pack, index=index))


def prepared(params: TrainKeys, *groups: str) -> Training:
    plain = train.prepare(params.model_copy(update={"train": params.train.model_copy(update={"strategy": "single"})}), 0)
    return assemble(params, grouped(plain.data, *groups), plain.device, plain.card.training["versions"])


def test_sites_are_groups_or_folders_in_the_order_of_their_names() -> None:
    data, params = grouped(read_fold(0), "north", "east"), federated_params()
    assert sites(params, data) == [
        Site("east", data.train_ids[1::2], data.validation_ids[1::2]),
        Site("north", data.train_ids[::2], data.validation_ids[::2]),
    ]
    names = {item: f"{'b' if number % 2 else 'a'}/deeper/{item}" for number, item in enumerate(data.pack.index.index)}
    moved = replace(
        data,
        pack=replace(data.pack, index=data.pack.index.rename(index=names)),
        train_ids=[names[item] for item in data.train_ids],
        validation_ids=[names[item] for item in data.validation_ids],
    )
    found = sites(federated_params(sites="folder"), moved)
    assert [site.name for site in found] == ["a", "b"]
    assert all(item.startswith(f"{site.name}/") for site in found for item in site.train_ids + site.validation_ids)


def test_images_without_a_site_and_a_site_alone_are_refused() -> None:
    data = read_fold(0)
    with pytest.raises(PipelineError, match=r"of no site \(image0.*federated\.sites: group\)\. data\.groups says"):
        sites(federated_params(), data)
    with pytest.raises(PipelineError, match=r"of no site .* folder\)\. Put the images of each site into a folder"):
        sites(federated_params(sites="folder"), data)
    with pytest.raises(PipelineError, match=r"are of one site, here \(federated\.sites: group\)"):
        sites(federated_params(), grouped(data, "here"))


def test_a_batch_of_a_small_site_in_too_many_parts_is_refused() -> None:
    groups = ["large"] * 100
    groups[0] = "small"
    with pytest.raises(PipelineError, match="2 parts a batch, but 1 training images make batches of 1"):
        prepared(federated_params({"accumulate": 2, "batch_size": 5}), *groups)


def test_rounds_are_told_and_every_site_has_scores_of_its_own() -> None:
    training = prepared(federated_params({"epochs": 4}, local_epochs=2), "north", "east")
    entry = training.card.training["federated"]
    assert entry["local_epochs"] == 2 and [*entry["sites"]] == ["east", "north"]
    assert sum(site["train"] for site in entry["sites"].values()) == len(training.data.train_ids)
    assert federated_training.notes(training.card.training, training.run.epochs)[0].startswith("federated: 2 rounds of 2 epochs")
    assert federated_training.notes({}, 2) == []
    loop.fit(training.run)
    last = training.run.progress.history[-1]
    assert len(training.run.progress.history) == 2
    assert {"site1_dice", "site2_dice", "site1_loss", "val_dice"} <= {*last}
    alone = training.run.validate(training.run, {"epoch": 1})
    assert alone["val_dice"] == last["val_dice"]


def test_the_images_of_a_batch_are_known_without_reading_any() -> None:
    training = prepared(federated_params(), "north", "east")
    for epoch in range(2):
        read = [batch.ids for batch in training.run.batches(epoch, 0)]
        assert [batch_ids(training, epoch, number) for number in range(len(read))] == read
        assert len(read) == training.run.n_batches


def test_the_table_of_sites_is_written_beside_the_history(
    sample_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sample_project, tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    index = pd.read_csv("data/prepared/index.csv", dtype={"group": str})
    index["group"] = ["ab"[number % 2] for number in range(len(index))]
    index.to_csv("data/prepared/index.csv", index=False)
    trained = train.train(federated_params(), 0)
    rows = [*csv.DictReader((trained.model.parent / "sites.csv").open(encoding="utf-8"))]
    assert [row["site"] for row in rows] == ["a", "b"]
    history = [*csv.DictReader((trained.model.parent / "history.csv").open(encoding="utf-8"))]
    assert rows[0]["dice"] == history[trained.best_epoch]["site1_dice"]
    card = model_file.load(trained.model)[1]
    assert "2 sites" in dict(model_info.lines(card.to_dict()))["federated"]
    assert "federated: " in capsys.readouterr().out
