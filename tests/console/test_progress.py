"""Progress shows how much time is left, and is quiet where there is little."""

import pytest

from segpipe.console.progress import track


def test_progress_yields_all_and_tells_the_time_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("segpipe.console.progress.QUIET_SECONDS", -1.0)
    assert list(track(iter([1, 2, 3]), "counting", 3)) == [1, 2, 3]
    assert "counting: 2 of 3, about 0 s left" in capsys.readouterr().err
