"""The log of a training for programs: whole lines of JSON, whatever happens to the process, the disk or the numbers."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segpipe.errors import PipelineError
from segpipe.training import run_log
from segpipe.training.run_log import RunLog


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_is_a_line_that_pandas_reads(tmp_path: Path) -> None:
    with RunLog(tmp_path / "new/train-0-a.jsonl") as log:
        log.add("start", fold=0, device="Prozessor für alles")
        log.add("epoch", epoch=0, train_loss=0.5)
    table = pd.read_json(log.path, lines=True)
    assert [*table.event] == ["start", "epoch"] and [*table.attempt] == [1, 1]
    assert table.train_loss[1] == 0.5 and "für" in log.path.read_text(encoding="utf-8")


def test_a_number_that_is_not_finite_is_null(tmp_path: Path) -> None:
    with RunLog(tmp_path / "a.jsonl") as log:
        log.add("epoch", a=float("nan"), b=float("inf"), c=-float("inf"), d=1.5)
    (event,) = events(log.path)
    assert [event[name] for name in "abcd"] == [None, None, None, 1.5]


def test_the_next_process_appends_and_is_told_apart(tmp_path: Path) -> None:
    for _ in range(3):
        with RunLog(tmp_path / "a.jsonl") as log:
            log.add("epoch", epoch=0)
    assert [event["attempt"] for event in events(log.path)] == [1, 2, 3]


@pytest.mark.parametrize("torn", [b'{"time": "2026", "att', b"\xff"])
def test_half_a_line_of_a_crash_is_cut_off(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with RunLog(path) as log:
        log.add("epoch", epoch=0)
    path.write_bytes(path.read_bytes() + torn)
    with RunLog(path) as log:
        log.add("epoch", epoch=1)
    assert [(event["attempt"], event["epoch"]) for event in events(path)] == [(1, 0), (2, 1)]
    path.write_bytes(torn)
    with RunLog(path) as log:
        log.add("epoch", epoch=2)
    assert [(event["attempt"], event["epoch"]) for event in events(path)] == [(1, 2)]


@pytest.mark.parametrize(
    ("error", "event", "reason"),
    [
        (PipelineError("a: is wrong. Mend it."), "failed", "a: is wrong. Mend it."),
        (ValueError("no"), "failed", "ValueError: no"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (SystemExit(1), "interrupted", "SystemExit: 1"),
    ],
)
def test_it_says_how_a_training_ended(error: BaseException, event: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(type(error)), RunLog(path) as log:
        log.add("start")
        raise error
    assert [(each["event"], each.get("reason")) for each in events(path)] == [("start", None), (event, reason)]


def test_a_log_that_cannot_be_written_costs_one_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    with RunLog(tmp_path / "file/a.jsonl") as log:
        for epoch in range(3):
            log.add("epoch", epoch=epoch)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("warning: the log") and said[0].endswith("; the training goes on")


def test_a_full_disk_leaves_whole_lines_and_the_log_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = Path.open

    def half(path: Path, *arguments: Any, **named: Any) -> Any:
        stream = real(path, *arguments, **named)

        class Full:
            seek, truncate = stream.seek, stream.truncate

            def __enter__(self) -> "Full":
                return self

            def __exit__(self, *ending: object) -> None:
                stream.close()

            def write(self, content: bytes) -> int:
                return int(stream.write(content[: len(content) // 2]))

        return Full()

    with RunLog(tmp_path / "a.jsonl") as log:
        log.add("epoch", epoch=0)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", half)
            log.add("epoch", epoch=1)
            log.add("epoch", epoch=2)
        log.add("epoch", epoch=3)
    assert [event["epoch"] for event in events(log.path)] == [0, 3]
    assert capsys.readouterr().err.count(os.strerror(errno.ENOSPC)) == 1


def test_logs_that_nobody_wrote_for_long_are_deleted(tmp_path: Path) -> None:
    old, own, new = (tmp_path / f"train-{number}-a.jsonl" for number in range(3))
    other = tmp_path / "examined.jsonl"
    for path in (old, own, new, other):
        path.write_bytes(b"")
    for path in (old, own, other):
        os.utime(path, (0, 0))
    run_log.forget_old(tmp_path, own, 3600.0)
    assert sorted(tmp_path.iterdir()) == [other, own, new]
    run_log.forget_old(tmp_path / "missing", own, 3600.0)
