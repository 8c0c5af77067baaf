"""Progress shows how much time is left, and is quiet where there is little."""

import sys
import time
from collections.abc import Iterator

import pytest

from segpipe.console import progress
from segpipe.console.progress import LiveLine, track


def test_progress_yields_all_and_tells_the_time_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("segpipe.console.progress.QUIET_SECONDS", -1.0)
    assert list(track(iter([1, 2, 3]), "counting", 3)) == [1, 2, 3]
    assert "counting: 2 of 3, about 0 s left" in capsys.readouterr().err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(progress, "on_terminal", lambda: True)


@pytest.mark.usefixtures("terminal")
def test_a_bar_is_shown_of_what_takes_long_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert [*track([1, 2, 3], "counting", after_s=60.0)] == [1, 2, 3]
    assert capsys.readouterr().err == ""

    def slow() -> Iterator[int]:
        for number in range(9):
            time.sleep(0.02)
            yield number

    assert [*track(slow(), "counting", 9, after_s=0.05)] == [*range(9)]
    assert "counting" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_the_live_line_is_one_line_and_goes_without_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    line = LiveLine()
    line.show("epoch 1/3", 5, 20, "5/20  loss [0.5]")
    line.show("epoch 1/3", 10, 20, "10/20  loss [0.4]")
    shown = capsys.readouterr().err
    assert "5/20  loss [0.5]" in shown and "10/20  loss [0.4]" in shown
    assert "\n" not in shown, "it is written anew in its place"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "a killed process leaves the cursor"
    line.close()
    line.close()
    assert capsys.readouterr().err.endswith("\x1b[2K"), "the line is empty"


@pytest.mark.usefixtures("terminal")
def test_what_is_printed_into_a_file_stays_there(capsys: pytest.CaptureFixture[str]) -> None:
    line, printed = LiveLine(), sys.stdout
    line.show("epoch 1/3", 5, 20, "5/20")
    assert sys.stdout is printed
    line.close()


@pytest.mark.usefixtures("terminal")
def test_what_is_printed_into_a_file_while_a_bar_stands_stays_there_too() -> None:
    printed = sys.stdout
    assert [sys.stdout is printed for _ in track([1, 2], "counting")] == [True, True]


@pytest.mark.parametrize(("is_terminal", "kind", "live"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)])
def test_where_a_line_can_be_written_anew(is_terminal: bool, kind: str, live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    assert progress.on_terminal() is live


def test_showing_the_live_line_takes_no_time_that_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Twice a second: some milliseconds would be seen in the speed of a training."""
    line = LiveLine()
    line.show("epoch 1/3", 0, 100, "")
    start = time.process_time()
    for number in range(100):
        line.show("epoch 1/3", number, 100, f"{number}/100")
    assert (time.process_time() - start) / 100 < 0.01
    line.close()
