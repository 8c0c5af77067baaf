"""The report's comparison with a baseline: its numbers are `segpipe compare`'s, and a page with one says so."""

import contextlib
from pathlib import Path

import pytest
from dvc.repo import Repo

from segpipe.errors import PipelineError
from segpipe.experiments import alignment, outcome
from segpipe.experiments.dvc_experiments import experiments
from segpipe.params import edit
from segpipe.report import against as words
from segpipe.scores import paired
from segpipe.tracking import mlflow_runs
from segpipe.workflows.report_baseline import against
from stages import report
from tests.experiments.projects import git
from tests.experiments.scored import experiment, new_repository
from tests.report.test_page import Reader


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose own model is far below three runs of another setting, and beside a run of its own with another seed."""
    folder = new_repository(tmp_path_factory.mktemp("baseline") / "project")
    for seed in range(3):
        experiment(folder, f"good-s{seed}", 0.98, seed, loss={"dice_weight": 0.9})
    experiment(folder, "again", 0.7, 7)
    experiment(folder, "third", 0.8, 8, loss={"dice_weight": 0.1})
    # What lies there is the last experiment's until then.
    with contextlib.chdir(folder), Repo() as repo:
        repo.checkout(force=True)
    return folder


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    monkeypatch.setattr(mlflow_runs, "reopen", lambda *arguments: Silent())
    return made


class Silent:
    """In MLflow's place."""

    def file(self, path: Path, folder: str) -> None:
        """Told nobody."""


def commits(*names: str) -> list[str]:
    return [experiments()[name][0].commit for name in names]


def test_each_score_is_held_against_the_first_commits_on_the_same_images(project: Path) -> None:
    found = against(commits("good-s0", "good-s1"))
    assert found is not None and found.commits == [commit[:12] for commit in commits("good-s0", "good-s1")]
    assert (found.part, found.n_images, found.left_out, found.runs, found.own_runs) == ("test", 9, 0, 2, 1)
    both = [outcome.read("good-s0"), outcome.read("workspace")]
    images = alignment.aligned(both, None)
    for row in found.rows:
        assert row.difference == paired.difference(images.pixels[0], images.pixels[1], row.score, True, images.groups)
        assert row.own is not None and row.baseline is not None and row.difference.value is not None
        assert row.own - row.baseline == pytest.approx(row.difference.value)
    assert {row.score: row.word for row in found.rows}["dice"] == "worse"


def test_settings_need_several_runs(project: Path) -> None:
    one = against(commits("good-s0"))
    assert one is not None and (one.setting, one.runs) == ("cannot be told", 1) and "seed" in one.would_tell
    three = against(commits("good-s0", "good-s1", "good-s2"))
    assert three is not None and (three.setting, three.would_tell, three.runs) == ("worse", "", 3)
    assert words.sentence(three).endswith("this model: worse; this setting, trained again: worse")


def test_runs_of_this_setting_count_for_it_and_those_of_a_third_are_refused(project: Path) -> None:
    found = against(commits("good-s0", "good-s1", "again"))
    assert found is not None and (found.runs, found.own_runs) == (2, 2) and found.setting == "worse"
    with pytest.raises(
        PipelineError, match=f"{commits('third')[0][:12]} is of another setting than {commits('good-s0')[0][:12]}"
    ):
        against(commits("good-s0", "third"))


def test_the_same_training_and_the_same_setting_are_told(project: Path) -> None:
    own = against([git(project, "rev-parse", "main").strip()])
    assert own is not None and own.setting == words.SAME_TRAINING and {row.difference.value for row in own.rows} == {0.0}
    again = against(commits("again"))
    assert again is not None and again.setting == words.SAME_SETTING
    assert words.sentence(again).endswith(": another training of the same setting")
    assert against([]) is None


def test_the_page_and_the_last_lines_say_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "params.yaml").read_bytes()
    report.main()
    assert "baseline:" not in capsys.readouterr().out
    assert "baseline" not in Reader((project / "reports/index.html").read_text(encoding="utf-8")).values("id")
    edit.write(Path("params.yaml"), {"report.baseline": commits("good-s0")})
    report.main()
    assert "baseline: test Dice -0." in capsys.readouterr().out
    page = Reader((project / "reports/index.html").read_text(encoding="utf-8"))
    assert "baseline" in page.values("id") and commits("good-s0")[0][:12] in page.text and "cannot be told" in page.text
    assert "Baseline: test Dice -0." in (project / "reports/summary.md").read_text(encoding="utf-8")
    (project / "params.yaml").write_bytes(before)


def test_what_is_no_commit_is_told(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"f{40}: no experiment, branch, tag or commit"):
        against(["f" * 40])


@pytest.mark.parametrize("value", ["main", "HEAD~1", "0a0c138"])
def test_what_moves_is_refused(project: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(PipelineError, match=rf"report\.baseline: '{value}' is no commit's whole hash.*git rev-parse {value}"):
        edit.write(Path("params.yaml"), {"report.baseline": [value]})
    assert (project / "params.yaml").read_bytes() == before
