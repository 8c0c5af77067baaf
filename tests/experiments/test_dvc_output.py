"""DVC's commands from Python: their words are printed, their failures are errors."""

from collections.abc import Sequence

import pytest

import segpipe
from segpipe.errors import PipelineError
from segpipe.experiments import dvc_output


def test_what_dvc_says_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    dvc_output.run(["--version"])
    assert capsys.readouterr().out.count(".") >= 2


def test_a_failure_is_an_error_with_dvcs_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PipelineError, match=r"^dvc repro no-such-stage: ended with exit code \d+\. ERROR: .*no-such-stage"):
        dvc_output.run(["repro", "no-such-stage"])
    assert "no-such-stage" in capsys.readouterr().out


def test_values_come_to_dvc_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Sequence[str]] = []
    monkeypatch.setattr(dvc_output, "run", given.append)
    segpipe.experiment("short", {"train.epochs": 4, "optim.lr": 0.0005, "augment.preset": "light"})
    segpipe.repro("split")
    options = ["--set-param", "train.epochs=4", "--set-param", "optim.lr=0.0005", "--set-param", "augment.preset='light'"]
    assert given == [["exp", "run", "--temp", "--name", "short", *options], ["repro", "split"]]
