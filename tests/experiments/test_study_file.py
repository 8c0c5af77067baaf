"""A study's file: what it says, and all that is wrong with it in one go."""

from pathlib import Path

import pytest
import yaml

from segpipe.errors import PipelineError
from segpipe.experiments import study_file
from segpipe.scores.counts import OTHER_MEANS, SCORES
from segpipe.scores.details import DETAIL_SCORES
from tests.experiments.projects import STUDY
from tests.structure.imports import ROOT


def written(folder: Path, content: object, name: str = "dice.yaml") -> Path:
    (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / name


def problems(file: Path) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        study_file.read(file)
    return [line.removeprefix(f"{file}: ") for line in str(caught.value).splitlines()]


def test_sections_may_be_nested_or_dotted(tmp_path: Path) -> None:
    nested = study_file.read(written(tmp_path, STUDY))
    dotted = study_file.read(written(tmp_path, STUDY | {"base": {"train.epochs": 4}}))
    assert nested == dotted
    assert nested.base == {"train.epochs": 4} and nested.name == "dice" and nested.seeds == (0,)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    content = STUDY | {
        "titel": STUDY["title"],
        "base": {"folds": [0], "train": {"seed": 3}},
        "arms": {"a/b": {}},
        "seeds": [1, 1],
        "score": "dize",
    }
    del content["title"]
    told = problems(written(tmp_path, content))
    assert told[0].startswith("score: 'dize' will not do. Input should be 'miou', 'miou_objects'")
    assert told[1:] == ["titel: no such key; did you mean title?"]
    told = problems(written(tmp_path, {**content, "title": "?", "score": "dice"} | {"titel": 1}))
    assert told == ["titel: no such key; did you mean title?"]
    del content["titel"]
    assert problems(written(tmp_path, content | {"title": "?", "score": "dice"})) == [
        "axis, arms: a study has one of them. Write keys with their values, or arms by their names.",
        "seeds: a number stands there twice. Name each once.",
        "arms: 'a/b' cannot be part of an experiment's name. Take letters, digits and . _ + - alone.",
        "base: folds is set by the study's own key folds. Take it out here.",
        "base: train.seed is set by the study's own key seeds. Take it out here.",
    ]


def test_a_missing_key_names_an_example(tmp_path: Path) -> None:
    content = {key: value for key, value in STUDY.items() if key not in {"folds", "axis"}}
    assert problems(written(tmp_path, content)) == [
        "folds: is missing. Every key must be there; take the line from one of the project's own in studies."
    ]


def test_the_name_is_one_that_no_other_study_can_have(tmp_path: Path) -> None:
    assert "small letters" in problems(written(tmp_path, STUDY, "dice-weight.yaml"))[0]


def test_scores_are_those_of_the_summary() -> None:
    assert set(study_file.Score.__args__) == {*SCORES, *OTHER_MEANS, *DETAIL_SCORES} - {"hd95", "ece"}


@pytest.mark.parametrize("file", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_ones_can_be_read(file: Path) -> None:
    assert study_file.read(file).seeds == (0, 1, 2)
