"""folds.csv: what is written comes back, and what a fold trains and validates on."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.dataset.split import folds
from segpipe.errors import PipelineError

PARTS = {"a": "test", "b": "0", "c": "1", "d": "train", "e": "1"}


IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
"""Any line of text: convert refuses names with control characters."""


@settings(max_examples=30)
@given(st.dictionaries(IDS, st.tuples(st.sampled_from(["test", "train", "0", "12"]), IDS | st.none())))
def test_what_is_written_comes_back(rows: dict[str, tuple[str, str | None]]) -> None:
    parts, groups = {item: part for item, (part, _) in rows.items()}, {item: group for item, (_, group) in rows.items() if group}
    with TemporaryDirectory() as folder:
        folds.write(Path(folder) / "folds.csv", parts, groups)
        assert folds.read(Path(folder) / "folds.csv") == parts
        assert folds.read_groups(Path(folder) / "folds.csv") == {item: groups.get(item, "") for item in parts}


def test_a_fold_trains_on_all_but_itself_and_the_test_part() -> None:
    assert folds.train_and_validation(PARTS, 1) == (["b", "d"], ["c", "e"])
    assert folds.test(PARTS) == ["a"]


def test_a_fold_that_does_not_exist_is_named_with_those_that_do() -> None:
    folds.check(PARTS, (0, 1))
    with pytest.raises(PipelineError, match=r"^folds: there is no fold 2; there are 0, 1. Write one of those.$"):
        folds.check(PARTS, (0, 2))


def test_a_fold_without_images_to_train_on_is_refused() -> None:
    with pytest.raises(PipelineError, match="fold 0 leaves no image to train on"):
        folds.check({"a": "0", "b": "test"}, (0,))


@pytest.mark.parametrize("content", ["id,part\na\n", "name,part\na,0\n", 'id,part\n"a,0\n'])
def test_a_broken_file_and_none_are_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(PipelineError, match="not there yet"):
        folds.read(tmp_path / "folds.csv")
    (tmp_path / "folds.csv").write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"broken .*dvc repro --force split"):
        folds.read(tmp_path / "folds.csv")


def test_groups_of_a_file_without_that_column_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folds.csv").write_text("id,part\na,0\n", encoding="utf-8")
    assert folds.read(tmp_path / "folds.csv") == {"a": "0"}
    with pytest.raises(PipelineError, match=r"broken .*dvc repro --force split"):
        folds.read_groups(tmp_path / "folds.csv")
