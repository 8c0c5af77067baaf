"""The steps of the examples: each is one thing, sets keys that are there, and calls what is there."""

import shlex
from pathlib import Path

import pytest

from segpipe.acquire.examples import steps
from segpipe.params import edit
from tests.structure.imports import ROOT

EXAMPLES = [steps.read(name) for name in steps.NAMES]
named = pytest.mark.parametrize("example", EXAMPLES, ids=steps.NAMES)


def test_every_file_of_steps_is_an_example() -> None:
    assert {path.stem for path in steps.FOLDER.glob("*.yaml")} == set(steps.NAMES)


@named
def test_each_step_is_one_thing(example: steps.Example) -> None:
    for step in example.steps:
        assert sum(map(bool, (step.run, step.set, step.by_hand))) == 1, step
        assert not step.by_hand or callable(example.hand(step.by_hand))


@named
def test_it_begins_with_its_own_data_and_the_pipeline_runs(example: steps.Example) -> None:
    assert shlex.split(example.steps[0].run)[:3] == ["segpipe", "example", example.name]
    assert "--only-data" in example.steps[0].run
    assert "dvc repro" in [step.run for step in example.steps]


@named
def test_what_is_set_are_values_that_params_yaml_can_have(example: steps.Example, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    changes = [change for step in example.steps for change in edit.write(path, step.set)]
    assert changes


def test_an_edit_is_shown_as_it_stands_in_the_file() -> None:
    step = steps.Step("", "", {"train.epochs": 3, "folds": [0, 1], "train.batch_size": 2}, "")
    assert step.shown() == "# params.yaml\ntrain:\n  epochs: 3\n  batch_size: 2\nfolds:\n- 0\n- 1"
