"""What a person sees of a training, by the stage as it is run: the log beside the states, and the sentences of advice."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.training.run_log import RunLog
from segpipe.workflows import train, watch_training
from segpipe.workflows.assemble import Training
from tests.training.test_advice import falling, speeds

MODEL = Path("models/fold0/model.safetensors")


@pytest.fixture
def inside(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)
    monkeypatch.setenv("DVC_ROOT", str(sample_project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    shutil.rmtree(sample_project / ".resume", ignore_errors=True)


def keys(**changes: Any) -> TrainKeys:
    params = TrainKeys.of(load_params())
    return params.model_copy(update={"train": params.train.model_copy(update=changes)})


def log_file() -> Path:
    (found,) = Path(".resume").glob("train-0-*.jsonl")
    return found


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file().read_text(encoding="utf-8").splitlines()]


def kinds() -> list[tuple[int, str]]:
    return [(event["attempt"], event["event"]) for event in events()]


@pytest.mark.usefixtures("inside")
def test_the_log_holds_the_training_and_outlives_its_states(capsys: pytest.CaptureFixture[str]) -> None:
    train.train(keys(epochs=3, validate_every=2), 0)
    assert f"log: {log_file().absolute()} (a JSON object a line)\n" in capsys.readouterr().out
    assert [path.name for path in Path(".resume").glob("train-0-*")] == [log_file().name]
    assert kinds() == [(1, each) for each in ("start", "epoch", "validation", "epoch", "validation", "epoch", "end")]
    start, *_, end = events()
    assert (start["fold"], start["epochs"], end["epochs"]) == (0, 3, 3)
    assert log_file().stem == f"train-0-{start['fingerprint'][:16]}"
    table = pd.read_json(log_file(), lines=True)
    logged = table[table.event == "epoch"].reset_index(drop=True)
    history = pd.read_csv("models/fold0/history.csv")
    pd.testing.assert_frame_equal(logged[history.columns], history, check_dtype=False)
    assert (logged.images_per_s > 0).all() and [*logged.data_wait.between(0, 1)] == [True] * 3


@pytest.mark.usefixtures("inside")
def test_a_training_that_is_killed_and_goes_on_tells_its_epochs_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    params = keys(epochs=3)
    params = params.model_copy(update={"runtime": params.runtime.model_copy(update={"save_every": 0.0})})
    real = loop.fit

    def killed(run: loop.Run) -> loop.Best:
        def save_state(each: loop.Run) -> None:
            run.save_state(each)
            if (each.progress.epoch, each.progress.batch) == (1, 2):
                raise KeyboardInterrupt

        return real(replace(run, save_state=save_state))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "fit", killed)
        train.train(params, 0)
    assert kinds() == [(1, each) for each in ("start", "validation", "epoch", "interrupted")]
    train.train(params, 0)
    resumed = events()[4:]
    assert [each["event"] for each in resumed] == ["start", "resume", "validation", "epoch", "validation", "epoch", "end"]
    assert {each["attempt"] for each in resumed} == {2}
    assert (resumed[1]["epoch"], resumed[1]["batch"]) == (1, 2)
    by_kill = MODEL.read_bytes()
    train.train(params, 0)
    assert MODEL.read_bytes() == by_kill and kinds()[-1] == (3, "end")


@pytest.mark.usefixtures("inside")
def test_a_training_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(run: loop.Run) -> loop.Best:
        raise PipelineError("the loss is not a finite number.")

    monkeypatch.setattr(loop, "fit", fit)
    with pytest.raises(PipelineError):
        train.train(keys(), 0)
    assert events()[-1]["event"] == "failed" and events()[-1]["reason"] == "the loss is not a finite number."


@pytest.mark.usefixtures("inside")
def test_a_log_that_cannot_be_written_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    train.train(keys(), 0)
    wanted = MODEL.read_bytes()
    log = log_file()
    log.unlink()
    log.mkdir()
    train.train(keys(), 0)
    assert MODEL.read_bytes() == wanted
    assert capsys.readouterr().err.count("warning: the log") == 1


@pytest.mark.usefixtures("inside")
def test_logs_go_with_the_states_that_were_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    states = Path(".resume/train-0-b")
    old = Path(".resume/train-1-a.jsonl")
    old.parent.mkdir()
    old.write_bytes(b"")
    watch_training.log_beside(states)
    assert old.exists()
    monkeypatch.setattr(watch_training, "FORGOTTEN_S", -1.0)
    watch_training.log_beside(states)
    assert not old.exists()


def advised(training: Training, records: list[loop.Record], waits: list[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of advice after these epochs, which took 100 s each."""
    watch = watch_training.watch(training, RunLog(Path("advice.jsonl")))
    *_, advise = watch.hooks
    run = replace(training.run, progress=loop.Progress())
    capsys.readouterr()
    for record, speed in zip(records, speeds(*waits), strict=True):
        run.progress.history.append(record)
        advise(record, speed, run)
    said = capsys.readouterr().out.splitlines()
    logged = [json.loads(line) for line in Path("advice.jsonl").read_text(encoding="utf-8").splitlines()] if said else []
    Path("advice.jsonl").unlink(missing_ok=True)
    assert [f"advice: {each['text']}" for each in logged] == said
    return said


@pytest.mark.usefixtures("inside")
def test_advice_names_the_keys_and_what_they_are_now(capsys: pytest.CaptureFixture[str]) -> None:
    training = train.prepare(keys(epochs=20), 0)
    epochs = [{"epoch": float(epoch), "train_loss": loss} for epoch, loss in enumerate(falling(8))]
    (data,) = advised(training, epochs, [0.5] * 8, capsys)
    assert data.startswith("advice: 50% of the time is spent waiting for data: raise runtime.workers (0 now, ")
    assert data.endswith("stop, change it, run again, and the training goes on")
    risen = [each | {"val_loss": loss, "val_dice": 0.5} for each, loss in zip(epochs, [0.5, *[0.8] * 7], strict=True)]
    (parted,) = advised(training, risen, [0.0] * 8, capsys)
    assert parted.startswith(
        "advice: since epoch 1 the training loss fell from 1 to 0.4783 and the validation loss rose from 0.5"
    )
    assert all(key in parted for key in ("augment.preset: ", "model.dropout", "more images", "train.early_stop: 0 now"))
    # What the model predicts that says background everywhere, as validation finds it.
    silent = training.segmenter.network
    for parameter in silent.parameters():
        parameter.data.zero_()
    for module in silent.modules():
        if getattr(module, "out_channels", None) == 5 and getattr(module, "bias", None) is not None:
            module.bias.data[0] = 9.0  # type: ignore[union-attr, operator]
    training.run.progress.epoch = 19
    found = training.run.validate(training.run, {"epoch": 19.0})
    assert found["val_recall"] == 0
    (alone,) = advised(training, [each | found for each in epochs], [0.0] * 8, capsys)
    assert alone.startswith("advice: hardly a pixel is predicted as anything but background. Try another optim.lr (")
    assert all(key in alone for key in ("loss.class_weights (none now)", "augment.object_crop (", "augment.rare_classes ("))


@pytest.mark.usefixtures("inside")
def test_a_healthy_training_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    train.train(keys(epochs=6), 0)
    assert "advice" not in capsys.readouterr().out
    assert "advice" not in [each["event"] for each in events()]
