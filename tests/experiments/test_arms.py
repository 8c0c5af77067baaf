"""The arms of a study: each way with each seed, named, and held against the schema before anything runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from segpipe.errors import PipelineError
from segpipe.experiments import study_file
from segpipe.experiments.arms import arms, label_of, results_of
from segpipe.experiments.study_file import Study
from segpipe.params.overrides import with_overrides
from segpipe.storage.yaml_mapping import read as read_yaml
from tests import plain_params
from tests.experiments.projects import STUDY
from tests.structure.imports import ROOT

CONTENT = yaml.safe_load(plain_params.TEXT)


def study(**changes: Any) -> Study:
    content: dict[str, Any] = STUDY | {"base": {"train.epochs": 4}} | changes | {"name": "dice"}
    return Study.model_validate({key: value for key, value in content.items() if value is not None})


def problems(**changes: Any) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        arms(study(**changes), CONTENT)
    return str(caught.value).splitlines()


def test_an_axis_by_hand() -> None:
    made = arms(study(axis={"loss.dice_weight": [0.0, 0.7]}, seeds=[0, 2]), CONTENT)
    assert [arm.name for arm in made] == ["dice-0.0-s0", "dice-0.7-s0", "dice-0.0-s2", "dice-0.7-s2"]
    assert made[3].options == ("folds=[0]", "train.epochs=4", "loss.dice_weight=0.7", "train.seed=2")
    assert made[3].params["loss.dice_weight"] == 0.7 and made[3].params["train.seed"] == 2


def test_two_axes_are_all_their_pairs() -> None:
    made = arms(study(axis={"loss.dice_weight": [0.5, 1.0], "augment.preset": ["plain", "light"]}), CONTENT)
    assert [arm.label for arm in made] == ["0.5-plain", "0.5-light", "1.0-plain", "1.0-light"]


def test_named_arms_override_the_base_and_the_first_stays_first() -> None:
    made = arms(study(axis={}, arms={"long": {"train.epochs": 9}, "short": {}}), CONTENT)
    assert [(arm.name, arm.overrides["train.epochs"]) for arm in made] == [("dice-long-s0", 9), ("dice-short-s0", 4)]


def test_a_number_that_yaml_reads_as_text_is_a_number() -> None:
    (arm,) = arms(study(axis={"optim.lr": yaml.safe_load("[1e-4]")}), CONTENT)
    assert arm.options[-2] == "optim.lr=0.0001" and arm.overrides["optim.lr"] == 1e-4


def test_all_that_does_not_fit_is_told_at_once_and_of_which_arms() -> None:
    assert problems(base={"train.epohs": 4, "loss.mix": 3}, axis={"loss.dice_weight": [0.5, 2, 3]}) == [
        "dice.yaml: train.epohs: no such key of params.yaml; did you mean train.epochs?",
        "dice.yaml: loss.mix: is a section, not a key. Name the keys below it, such as loss.mix.cross_entropy.",
        "dice.yaml: loss.dice_weight: 2 will not do. Input should be less than or equal to 1. (arm 2)",
        "dice.yaml: loss.dice_weight: 3 will not do. Input should be less than or equal to 1. (arm 3)",
    ]


def test_sections_that_disagree_are_told_too() -> None:
    (told,) = problems(axis={"input.crop": [32, 40]})
    assert told.startswith("dice.yaml: input.crop: 40 is not a multiple of 16") and told.endswith("(arm 40)")


def test_arms_that_cannot_be_told_apart_are_refused() -> None:
    assert problems(axis={"data.path": ["data/raw", "data+raw"]})  # a sample's path is one
    assert problems(axis={"tracking.experiment": ["a b", "a:b"]}) == [
        "dice.yaml: two arms are called a-b. Name them yourself, below arms."
    ]
    assert problems(axis={}, arms={"one": {"loss.dice_weight": 0.5}, "other": {}}) == [
        "dice.yaml: the arms one and other are the same training. Take one out."
    ]


@given(
    st.one_of(st.text(max_size=9), st.booleans(), st.integers(), st.floats(allow_nan=False), st.lists(st.integers(), max_size=3))
)
def test_a_label_is_part_of_a_name_that_git_takes(value: Any) -> None:
    label = label_of(value)
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") and ".." not in label


def test_what_never_changes_a_result_tells_no_arms_apart() -> None:
    assert results_of(with_overrides(CONTENT, {"runtime.workers": 7})) == results_of(CONTENT)


@pytest.mark.parametrize("file", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_studies_fit_our_params(file: Path) -> None:
    made = arms(study_file.read(file), read_yaml(ROOT / "params.yaml"))
    assert len({arm.name for arm in made}) == len(made) >= 9
