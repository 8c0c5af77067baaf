"""`segpipe compare` and `segpipe study report` on results that were made to differ, or not to, by known amounts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segpipe import paths
from segpipe.dataset import pack
from segpipe.errors import PipelineError
from segpipe.experiments import outcome, study_file
from segpipe.experiments.dvc_experiments import experiments
from segpipe.report import study_page, study_text
from segpipe.storage.csv_table import csv_rows
from segpipe.tracking import mlflow_runs
from segpipe.workflows import compare, study_evolution, study_report
from segpipe.workflows.study_results import gather
from tests.experiments.projects import write_study
from tests.experiments.scored import experiment, new_repository
from tests.report.test_page import Reader

STUDY = {"base": {"train.epochs": 4}, "axis": {"loss.dice_weight": [0.1, 0.3, 0.7]}, "seeds": [0, 1, 2]}
RIGHT = {0.1: 0.7, 0.3: 0.7, 0.7: 0.9}
"""The share of right pixels of each arm: 0.3 is no better than 0.1, and 0.7 is."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the experiments of a study but for the last seed of its last arm."""
    folder = new_repository(tmp_path_factory.mktemp("study") / "project")
    for number, (weight, right) in enumerate(RIGHT.items()):
        for seed in range(3 if weight < 0.7 else 2):
            sections = {"loss": {"dice_weight": weight}, "train": {"epochs": 4}}
            experiment(folder, f"dice-{weight}-s{seed}", right, 10 * number + seed, train_seed=seed, **sections)
    write_study(folder, **STUDY)
    return folder


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder for all: nothing here changes it but its metrics."""
    monkeypatch.chdir(made)
    monkeypatch.setattr(mlflow_runs, "mean_total", lambda *arguments: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    return made


def test_a_study_says_what_its_numbers_hold(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, following = study_report.report(Path("studies/dice.yaml"))
    said = capsys.readouterr().out
    assert "* 0.7 is better than 0.1: +0." in said
    assert "* Whether 0.3 is better or worse than 0.1 cannot be told." in said
    assert "* dice-0.7-s2: no results (not run yet, or failed)." in said and "segpipe study run" in following
    rows = {row["arm"]: row for row in csv_rows(Path("metrics/studies/dice/arms.csv"))}
    assert [rows[arm]["verdict"] for arm in rows] == ["", "cannot be told", "better"]
    assert float(rows["0.7"]["difference_low"]) > 0 > float(rows["0.3"]["difference_low"])
    runs = csv_rows(Path("metrics/studies/dice/runs.csv"))
    assert [row["seed"] for row in runs if row["arm"] == "0.7"] == ["0", "1"]
    own = [float(row["dice"]) for row in runs if row["arm"] == "0.1"]
    assert float(rows["0.1"]["mean"]) == pytest.approx(np.mean(own), abs=1e-6)
    assert float(rows["0.1"]["spread"]) == pytest.approx(np.std(own, ddof=1), abs=2e-6)
    text = Reader(Path(page).read_text(encoding="utf-8")).text
    assert "0.7 is better than 0.1" in text and "loss.dice_weight" in text and "no results" in text
    before = Path(page).read_bytes()
    study_report.report(Path("studies/dice.yaml"))
    assert Path(page).read_bytes() == before


def test_the_arms_differ_most_on_the_images_that_are_shown(project: Path) -> None:
    contents = gather(study_file.read(Path("studies/dice.yaml")))
    assert not any("No image is shown" in sentence for sentence in study_text.findings(contents))
    assert any("No image is shown" in each for each in study_text.findings(replace(contents, shown=[])))
    assert len(contents.shown) == 3 and all(len(each.pictures) == 3 for each in contents.arms)
    assert [each.value for each in contents.arms] == [0.1, 0.3, 0.7] and contents.key == "loss.dice_weight"
    # Its parameters are those of its architecture, and all arms have the same one.
    assert len({each.cost.parameters for each in contents.arms}) == 1 and contents.arms[0].cost.parameters
    assert not any(sentence.startswith("The seeds of") for sentence in study_text.findings(contents))
    (first, second, third), noise = contents.arms, contents.arms[1].verdict.seed_noise if contents.arms[1].verdict else None
    assert noise
    wide = replace(second, scores=[0.5 - 2 * noise, 0.5, 0.5 + 2 * noise])
    (told,) = [each for each in study_text.findings(replace(contents, arms=[first, wide, third])) if "The seeds of" in each]
    assert told.startswith(f"The seeds of 0.3 lie {2 * noise:.4f} apart, more than 1.5 times")
    # The made histories have one value throughout.
    assert contents.arms[0].epochs_to == 1 and contents.watched == "val_dice"


def test_one_image_is_followed_by_all_arms(project: Path) -> None:
    contents = gather(study_file.read(Path("studies/dice.yaml")))
    # The made results followed the first two of the test part.
    assert contents.followed == "image00"
    assert [list(each.evolution) for each in contents.arms] == [["truth", "epoch 2", "epoch 4"]] * 3
    # Three seeds, and two, that score alike.
    assert study_text.snapshot_table(contents.arms) == (
        ["arm", "epoch 2", "epoch 4"],
        [[each.label, "0.1250", "0.7500"] for each in contents.arms],
    )
    few = [replace(contents.arms[0], snapshots=[[]]), *contents.arms[1:]]
    assert study_text.snapshot_table(few) == (["arm"], [])
    page = Reader(study_page.render(contents))
    assert "snapshots" in page.values("id") and "on 4 images of the part" in page.text
    assert "evolution" in page.values("id") and "epoch 4 of 0.3 on image00" in page.values("alt")
    alone = replace(contents, followed="", arms=[replace(each, evolution={}) for each in contents.arms])
    assert "evolution" not in Reader(study_page.render(alone)).values("id")


def test_an_image_that_is_another_here_is_not_shown_over_the_epochs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack.open_pack(paths.PREPARED)
    other = replace(data, sha256=data.sha256 | {"image00": ("another", "mask")})
    monkeypatch.setattr(study_evolution.pack, "open_pack", lambda folder: other)
    assert gather(study_file.read(Path("studies/dice.yaml"))).followed == "image01"


def test_a_study_without_its_first_arm_is_refused(project: Path) -> None:
    write_study(project, "none", **STUDY)
    with pytest.raises(PipelineError, match=r"its first arm and another must have results\. `segpipe study run` with"):
        study_report.report(Path("studies/none.yaml"))


def test_a_score_that_pixels_do_not_hold_has_verdicts_too(project: Path, made: Path) -> None:
    study = study_file.read(Path("studies/dice.yaml")).model_copy(update={"score": "map"})
    contents = gather(study)
    verdicts = [each.verdict for each in contents.arms]
    assert [each.word for each in verdicts if each] == ["cannot be told", "better"] and contents.winner is None
    tables = outcome.read("dice-0.7-s1").tables[0]
    assert contents.arms[2].scores[1] == tables.details["test"].scores(True)["map"]
    assert contents.arms[2].bounds.n_units == 9


def test_models_and_settings_are_two_questions(project: Path) -> None:
    """Two seeds of equal settings are two models: whether they differ is told apart from whether the settings do."""
    names = [f"dice-{weight}-s{seed}" for weight in (0.1, 0.7) for seed in (0, 1)]
    images, models, settings, *_ = compare.compare(names, "dice", None)
    assert images == "9 test images"
    lines = models.splitlines()
    assert [line.split()[0] for line in lines[2:]] == names and lines[-1].endswith("better")
    rows = settings.splitlines()[2:]
    assert [row.split()[:3] for row in rows] == [["loss.dice_weight", "0.1", "2"], ["loss.dice_weight", "0.7", "2"]]
    assert rows[1].endswith("better")


def test_one_run_each_tells_no_setting(project: Path) -> None:
    *_, settings, sentence = compare.compare(["dice-0.1-s0", "dice-0.7-s0"], "dice", "val")
    assert settings.splitlines()[-1].endswith("cannot be told")
    assert "one run each cannot tell a setting from a seed" in sentence


def test_seeds_of_one_setting_are_no_settings(project: Path) -> None:
    said = compare.compare(["dice-0.1-s0", "dice-0.1-s1", "dice-0.1-s2"], "miou", None)
    assert said[-1].startswith("All of them are runs of one setting")


def test_the_best_of_several_is_told_as_it_is_elsewhere(project: Path) -> None:
    said = compare.compare(["dice-0.1-s0", "dice-0.3-s0", "dice-0.7-s0"], "dice", None)[-1]
    assert said.startswith("The best of 3 is loss.dice_weight 0.7 with 0.") and "did not choose it" in said


def test_all_that_is_wrong_with_names_is_told_at_once(project: Path) -> None:
    with pytest.raises(PipelineError) as told:
        compare.compare(["dice-0.1-s0", "dice-0.1-s7", "nothing"], "dice", None)
    assert [line.split(":")[0] for line in str(told.value).splitlines()] == ["dice-0.1-s7", "nothing"]
    with pytest.raises(PipelineError, match="Name two revisions or more"):
        compare.compare(["main"], "dice", None)
    with pytest.raises(PipelineError, match="named twice"):
        compare.compare(["main", "main"], "dice", None)


def test_the_same_training_is_said_to_be_one(project: Path) -> None:
    (own, *_) = experiments()["dice-0.1-s0"]
    models = compare.compare(["dice-0.1-s0", own.commit], "dice", None)[1]
    assert models.splitlines()[-1].endswith("the same training") and "told" not in models
