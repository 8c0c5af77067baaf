"""A training that is cut off anywhere goes on to the same bytes; damage falls back, and nothing else is ever taken."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segpipe.errors import PipelineError
from segpipe.storage import checksummed
from segpipe.training import encoder_schedule, loop, optim, precision, resume, state
from tests.training.suite import CPU, model, optim_params, run

Bytes = dict[str, bytes]


class CutError(Exception):
    """Stands for a kill."""


def fresh(layout: torch.memory_format = torch.channels_last, **changes: Any) -> loop.Run:
    """Three epochs of two batches, with scores that follow from the weights."""
    torch.manual_seed(99)
    segmenter: Any = model().to(memory_format=layout)
    params, encoder = optim_params(**{"name": "adamw"} | changes), segmenter.network.encoder
    optimizer = optim.build(params, segmenter, encoder)
    at_epoch = encoder_schedule.at_epoch(segmenter.network, encoder, params, 3)

    def validate(run: loop.Run, record: loop.Record) -> loop.Record:
        return {"val_dice": float(next(segmenter.parameters()).detach().sum().sin())}

    step = precision.stepper(segmenter, optimizer, 1.0, None)
    return run(model=segmenter, optimizer=optimizer, step=step, validate=validate, epochs=3, at_epoch=at_epoch)


def ended(training: loop.Run) -> tuple[Bytes, Bytes, list[list[tuple[str, float]]], int]:
    """All that a training leaves behind, its records in their order too: they become columns."""
    best = loop.fit(training)
    return (
        bytes_of(training.model.state_dict()),
        bytes_of(best.weights),
        [[*record.items()] for record in training.progress.history],
        best.epoch,
    )


def bytes_of(tensors: dict[str, Any]) -> Bytes:
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in tensors.items()}


def cut_after(calls: int, keep: Callable[[loop.Run], None]) -> Callable[[loop.Run], None]:
    """A keep that dies after so many calls."""
    left = [calls]

    def dying(run: loop.Run) -> None:
        keep(run)
        left[0] -= 1
        if left[0] == 0:
            raise CutError

    return dying


def interrupted(folder: Path, calls: int, **how: Any) -> resume.SavedStates:
    """A training that saves after every batch and dies after `calls` of them."""
    states, training = resume.SavedStates(folder, 0.0), fresh(**how)
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(training, save_state=cut_after(calls, states.saver(None))))
    return states


def resumed(folder: Path, **how: Any) -> loop.Run:
    training = fresh(**how)
    assert resume.SavedStates(folder, 0.0).restore(training, None)
    return training


@pytest.mark.parametrize("how", [{"name": "adamw"}, {"name": "adam"}, {"name": "sgd"}, {"name": "sgd", "momentum": 0.0}])
@pytest.mark.parametrize("calls", range(1, 10))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, how: dict[str, Any], tmp_path: Path) -> None:
    interrupted(tmp_path, calls, **how)
    assert ended(resumed(tmp_path, **how)) == ended(fresh(**how))


@pytest.mark.parametrize(
    "how",
    [
        {"encoder_frozen": 1, "encoder_rate": 0.1},
        {"encoder_frozen": 2, "encoder_statistics": "keep", "name": "sgd"},
        {"encoder_rate": 0.0},
    ],
)
@pytest.mark.parametrize("calls", [1, 3, 5, 7])
def test_cut_off_while_the_encoder_is_frozen_or_after_it_ends_in_the_same_bytes(
    calls: int, how: dict[str, Any], tmp_path: Path
) -> None:
    """Three calls an epoch: inside the frozen part, at its very end, and behind it."""
    interrupted(tmp_path, calls, **how)
    assert ended(resumed(tmp_path, **how)) == ended(fresh(**how))


def test_a_model_that_is_broken_is_not_saved_and_the_newest_sound_one_is_kept(tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path, 0.0)
    assert states.newest_finite() is None
    save_state, training = states.saver(None), fresh()

    def break_after_three(run: loop.Run) -> None:
        if (run.progress.epoch, run.progress.batch) == (1, 1):
            run.model.state_dict()["network.encoder.blocks.0.1.running_var"].fill_(float("inf"))
        save_state(run)

    with pytest.raises(PipelineError, match="not finite after epoch 2"):
        loop.fit(dataclasses.replace(training, save_state=break_after_three))
    assert [path.name for path in sorted(tmp_path.glob("*.state"))] == ["000000-00000002.state", "000001-00000000.state"]
    assert states.newest_finite() == (tmp_path / "000001-00000000.state").read_bytes()
    # One that a signal asked for is saved as it is.
    states.save(training, None)
    (tmp_path / "000001-00000000.state").write_bytes(b"damaged")
    assert states.newest_finite() is None
    assert len([*tmp_path.glob("*.state")]) == resume.KEPT


def test_it_goes_on_at_the_next_batch(tmp_path: Path) -> None:
    interrupted(tmp_path, 5)
    progress = resumed(tmp_path).progress
    assert (progress.epoch, progress.batch, len(progress.history)) == (1, 2, 1)


def test_a_state_in_another_memory_format_means_the_same(tmp_path: Path) -> None:
    interrupted(tmp_path, 4, layout=torch.contiguous_format)
    training = resumed(tmp_path)
    moments = [value for each in training.optimizer.state.values() for value in each.values() if value.ndim == 4]
    assert moments
    weights = [weight for weight in training.model.parameters() if weight.ndim == 4]
    assert sorted(value.stride() for value in moments) == sorted(2 * [weight.stride() for weight in weights])


def test_a_killed_early_stop_stops_where_it_would_have(tmp_path: Path) -> None:
    """Killed after the epoch that ends the training, before anything was written of it."""
    stop = {"stop": lambda history: len(history) == 2}
    whole = dataclasses.replace(fresh(), **stop)  # type: ignore[arg-type]
    interrupted(tmp_path, 6)
    assert ended(dataclasses.replace(resumed(tmp_path), **stop)) == ended(whole)  # type: ignore[arg-type]


def test_two_states_are_kept_and_none_in_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "train-0-abc"
    states = interrupted(folder, 5)
    assert sorted(path.name for path in folder.iterdir()) == ["000001-00000001.state", "000001-00000002.state"]
    states.forget()
    assert not folder.exists()


def test_saving_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    saves: list[float] = []

    def slow(training: loop.Run, scaler: state.Scaler) -> bytes:
        saves.append(now[0])
        now[0] += 10.0
        return b""

    monkeypatch.setattr(state, "to_bytes", slow)
    training = fresh()
    keep = resume.SavedStates(tmp_path, 60.0).saver(None)
    while now[0] < 1000:
        now[0] += 1.0
        keep(training)
    assert saves == [60.0, 270.0, 480.0, 690.0, 900.0]


def states(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.state"))


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"", lambda content: content[:9] + b"x" + content[10:]]
)
def test_a_damaged_state_falls_back_to_the_one_before(
    damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(tmp_path, 5)
    newest = states(tmp_path)[-1]
    newest.write_bytes(damage(newest.read_bytes()))
    training = resumed(tmp_path)
    assert (training.progress.epoch, training.progress.batch) == (1, 1)
    assert f"{newest} is damaged" in capsys.readouterr().err
    assert ended(training) == ended(fresh())


def test_what_a_killed_process_had_half_written_is_removed(tmp_path: Path) -> None:
    interrupted(tmp_path, 5)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / f".000002-00000001.state.{process.pid}.tmp").write_bytes(b"half")
    (tmp_path / f".000002-00000002.state.{os.getppid()}.tmp").write_bytes(b"of a process that still writes")
    resumed(tmp_path)
    assert [path.name for path in tmp_path.glob(".*")] == [f".000002-00000002.state.{os.getppid()}.tmp"]


def test_without_a_whole_state_it_starts_anew(tmp_path: Path) -> None:
    interrupted(tmp_path, 5)
    for path in states(tmp_path):
        path.write_bytes(path.read_bytes()[:100])
    training = fresh()
    assert not resume.SavedStates(tmp_path, 0.0).restore(training, None)
    assert training.progress == loop.Progress()
    assert states(tmp_path) == []


@pytest.fixture(scope="module")
def content() -> bytes:
    training = fresh()
    loop.fit(training)
    return state.to_bytes(training, None)


@given(data=st.data())
def test_no_changed_or_missing_byte_goes_unseen(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.integers(0, 255))
    changed = content[:place] if flip == 0 else content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
    with pytest.raises(checksummed.DamagedError):
        checksummed.opened(changed)


def test_the_state_of_a_run_is_the_same_bytes_each_time(content: bytes) -> None:
    training = fresh()
    loop.fit(training)
    assert state.to_bytes(training, None) == content


def test_a_state_that_cannot_be_written_stops_with_a_sentence_and_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in states(tmp_path)}

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    training = resumed(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(PipelineError, match=r"could not be written \(No space left on device\)\. Free space"):
            loop.fit(dataclasses.replace(training, save_state=resume.SavedStates(tmp_path, 0.0).saver(None)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert ended(resumed(tmp_path)) == ended(fresh())


def test_another_training_is_never_taken_and_the_reason_is_named(tmp_path: Path) -> None:
    parts = {"params": {"optim": {"lr": 0.1}, "seed": 1}, "code": "a", "versions": {"torch": "2"}}
    old = resume.folder_of(tmp_path, 0, "a" * 64)
    resume.SavedStates(old, 0.0).note(parts)
    new = resume.folder_of(tmp_path, 0, "b" * 64)
    assert new != old
    other = parts | {"params": {"optim": {"lr": 0.2}, "seed": 1}, "code": "b"}
    assert resume.why_not(new, other) == "code, optim.lr"
    assert resume.why_not(old, parts) == ""
    assert resume.why_not(resume.folder_of(tmp_path, 1, "b" * 64), other) == "", "the other fold has nothing to do with it"


def test_what_nobody_went_on_with_for_long_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = resume.folder_of(tmp_path, 0, "a" * 64)
    resume.SavedStates(old, 0.0).note({"code": "a"})
    monkeypatch.setattr(resume, "FORGOTTEN_S", -1.0)
    assert resume.why_not(resume.folder_of(tmp_path, 0, "b" * 64), {"code": "b"}) == ""
    assert not old.exists()


def test_a_note_that_cannot_be_read_is_no_reason_to_fail(tmp_path: Path) -> None:
    old = resume.folder_of(tmp_path, 0, "a" * 64)
    old.mkdir(parents=True)
    (old / resume.ABOUT).write_text(json.dumps([1]), encoding="utf-8")
    assert resume.why_not(resume.folder_of(tmp_path, 0, "b" * 64), {"code": "b"}) == "code"


def test_the_scaler_comes_back(tmp_path: Path) -> None:
    class Scaler:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        def state_dict(self) -> dict[str, float]:
            return {"scale": self.scale}

        def load_state_dict(self, content: dict[str, float]) -> None:
            self.scale = content["scale"]

    training, scaler = fresh(), Scaler(1.0)
    state.restore(training, scaler, state.to_bytes(fresh(), Scaler(8.0)))  # type: ignore[arg-type]
    assert scaler.scale == 8.0
    assert training.device == CPU
