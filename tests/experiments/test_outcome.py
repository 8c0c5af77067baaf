"""Results of revisions, out of Git and DVC's cache: the same numbers as lay there, or a sentence on what is missing."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from dvc.repo import Repo

from segpipe import evaluation
from segpipe.dataset.split import folds as splits
from segpipe.errors import PipelineError
from segpipe.experiments import outcome
from segpipe.experiments.alignment import aligned, settings
from segpipe.experiments.outcome import Outcome
from segpipe.experiments.outputs import commit_of
from tests.experiments.projects import git
from tests.experiments.scored import experiment, keep, new_repository, write_predictions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two experiments of one setting, and one of another."""
    folder = new_repository(tmp_path_factory.mktemp("outcome") / "project")
    experiment(folder, "one-s0", 0.8, 0)
    experiment(folder, "one-s1", 0.8, 1)
    experiment(folder, "other-s0", 0.9, 2, loss={"dice_weight": 0.75})
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_revision_has_the_numbers_that_lay_there(project: Path) -> None:
    found = outcome.read("other-s0")
    write_predictions(project, 0.9, 2)
    tables = evaluation.read_tables(project / "data/eval/fold0", 3)
    ids, (true, seen, hits) = [*tables.dice["test"]], tables.pixels["test"]
    scored = found.parts["test"]
    assert scored.ids == ids and len(ids) == 9
    for read, wanted in ((scored.pixels.true, true), (scored.pixels.seen, seen), (scored.pixels.hits, hits)):
        assert np.array_equal(read[:, 0], wanted)
    assert found.seeds[1] == 2 and found.params["loss.dice_weight"] == 0.75 and found.trainings == ("other-s0",)


def test_images_that_belong_together_are_counted_as_one(project: Path) -> None:
    parts = splits.read(project / "data/folds/folds.csv")
    ids = [*outcome.read("workspace").parts["test"].ids]
    splits.write(project / "data/folds/folds.csv", parts, dict.fromkeys(ids[:2], ids[0]))
    found = [outcome.read("workspace"), outcome.read("one-s0")]
    assert found[0].parts["test"].groups == [ids[0], ids[0], *[""] * 7] and found[1].parts["test"].groups == [""] * 9
    groups = aligned(found, "test").groups
    assert groups is not None and len(groups) == 9
    (project / "data/folds/folds.csv").write_text("id,part\n" + "".join(f"{item},{part}\n" for item, part in parts.items()))
    with pytest.raises(PipelineError, match=r"workspace: its results are not whole.*'group'.*dvc repro"):
        outcome.read("workspace")


def test_the_workspace_is_what_lies_here(project: Path) -> None:
    """After an experiment was made the files are again those of main."""
    with Repo() as repo:
        repo.checkout(force=True)
    here, there = outcome.read("workspace"), outcome.read("main")
    assert here.setting == there.setting and here.trainings == there.trainings and here.commit == ""
    assert np.array_equal(here.parts["test"].pixels.hits, there.parts["test"].pixels.hits)
    write_predictions(project, 0.5, 7)
    moved = outcome.read("workspace")
    assert not np.array_equal(moved.parts["test"].pixels.hits, there.parts["test"].pixels.hits)


def test_names_are_experiments_branches_and_commits_and_others_are_refused(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    assert commit_of("main") == commit_of(head[:9]) == commit_of("HEAD") == head
    assert commit_of("workspace") == ""
    assert commit_of("one-s0") != head
    with pytest.raises(PipelineError, match=r"^one-s3: no experiment, branch, tag or commit; did you mean one-s[01]\?$"):
        commit_of("one-s3")
    with pytest.raises(PipelineError, match="--help: no experiment"):
        commit_of("--help")


def test_results_that_are_nowhere_are_told(project: Path) -> None:
    shutil.rmtree(project / ".dvc/cache")
    with pytest.raises(PipelineError, match=r"^one-s0: no data/prepared/index.csv\. .*dvc pull, or dvc repro there\.$"):
        outcome.read("one-s0")
    shutil.rmtree(project / "data/eval")
    with pytest.raises(PipelineError, match=r"^workspace: no data/eval/fold0/run.json\. Run `dvc repro`\.$"):
        outcome.read("workspace")


def test_params_that_were_edited_after_the_results_are_refused(project: Path) -> None:
    """Else the results of one setting would be told as those of another."""
    path = project / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("dice_weight: 0.5", "dice_weight: 0.25"), encoding="utf-8")
    with pytest.raises(PipelineError, match=r"^workspace: params.yaml was changed after .*\(loss.dice_weight\)"):
        outcome.read("workspace")
    path.write_text(path.read_text(encoding="utf-8").replace("dice_weight: 0.25", "dice_wieght: 0.5"), encoding="utf-8")
    with pytest.raises(PipelineError, match=r"^workspace: params.yaml was changed after .*\(loss.dice_weight\)"):
        outcome.read("workspace")


def test_a_number_is_the_same_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC's lock has 1e-05 for 0.00001, which PyYAML reads as text."""
    folder = new_repository(tmp_path / "project")
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["loss"]["label_smoothing"] = 0.125
    path.write_text(yaml.safe_dump(params).replace("label_smoothing: 0.125", "label_smoothing: 0.00001"), encoding="utf-8")
    keep(folder)
    assert "label_smoothing: 1e-05" in (folder / "dvc.lock").read_text(encoding="utf-8")
    monkeypatch.chdir(folder)
    here = outcome.read("workspace")
    text = path.read_text(encoding="utf-8").replace("label_smoothing: 0.00001", "label_smoothing: 1e-05")
    path.write_text(text, encoding="utf-8")
    assert outcome.read("workspace").setting == here.setting


def test_results_of_other_data_end_in_a_sentence(project: Path) -> None:
    for table, old, new in (("class_pixels.csv", "test,0", "test,400"), ("run.json", '"fingerprint"', '"other"')):
        file = project / "data/eval/fold0" / table
        kept = file.read_text(encoding="utf-8")
        file.write_text(kept.replace(old, new), encoding="utf-8")
        with pytest.raises(PipelineError, match=r"^workspace: its results are not whole, or of other data \("):
            outcome.read("workspace")
        file.write_text(kept, encoding="utf-8")
    assert outcome.read("workspace")


def test_runs_of_a_setting_differ_in_nothing_but_their_seed(project: Path) -> None:
    found = settings([outcome.read(name) for name in ("one-s0", "other-s0", "one-s1")])
    assert [(each.label, [*each.runs]) for each in found] == [
        ("loss.dice_weight 0.5", [0, 2]),
        ("loss.dice_weight 0.75", [1]),
    ]


def with_content(one: Outcome, part: str, content: list[str]) -> Outcome:
    """The same where the images of a part are other ones."""
    return replace(one, parts={**one.parts, part: replace(one.parts[part], content=content)})


def test_only_images_that_are_the_same_are_compared(project: Path) -> None:
    one, other = outcome.read("one-s0"), outcome.read("other-s0")
    content = [*other.parts["test"].content]
    content[3] = "another mask"
    images = aligned([one, with_content(other, "test", content)], None)
    assert images.ids == [item for number, item in enumerate(one.parts["test"].ids) if number != 3] and images.left_out == 1
    assert np.array_equal(images.pixels[1].hits, np.delete(other.parts["test"].pixels.hits, 3, axis=0))
    with pytest.raises(PipelineError, match="no image of the test part is the same"):
        aligned([one, with_content(other, "test", ["another"] * len(content))], "test")
    with pytest.raises(PipelineError, match="other-s0: no image of the test part was scored"):
        aligned([one, replace(other, parts={"val": other.parts["val"]})], "test")
    assert aligned([one, replace(other, parts={"val": other.parts["val"]})], None).part == "val"
    with pytest.raises(PipelineError, match="other-s0 has the classes background, red, green"):
        aligned([one, replace(other, classes=("background", "red", "green"))], None)


def test_a_revision_has_the_images_of_its_own_data(project: Path) -> None:
    """What lies in data/prepared now says nothing about them."""
    before = outcome.read("one-s0")
    (project / "data/prepared/index.csv").unlink()
    assert outcome.read("one-s0").parts["test"].content == before.parts["test"].content
    with pytest.raises(PipelineError, match=r"data/prepared.*index\.csv"):
        outcome.read("workspace")
