"""Other bytes after kills are told, and so is a training that was never killed."""

from pathlib import Path

import pytest

from tests.torture import resumed


@pytest.mark.parametrize(
    ("found", "told"),
    [(("b", 2), "killed after each 3 saved states it ends in other bytes"), (("a", 0), "it saved fewer than 3 states")],
)
def test_what_went_wrong_is_told(found: tuple[str, int], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumed, "prepared", lambda folder, library: folder)
    monkeypatch.setattr(resumed, "set_params", lambda repository, values: None)
    monkeypatch.setattr(resumed, "trained", lambda repository, between: found if between else ("a", 0))
    with pytest.raises(SystemExit, match=told):
        resumed.compare(tmp_path, (3,), lambda line: None)


def test_equal_bytes_are_one_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(resumed, "prepared", lambda folder, library: folder)
    monkeypatch.setattr(resumed, "set_params", lambda repository, values: None)
    monkeypatch.setattr(resumed, "trained", lambda repository, between: ("a", 10 // between if between else 0))
    assert resumed.compare(tmp_path, (3, 5), lines.append) == "a"
    assert [line.split() for line in lines[1:]] == [
        ["killed", "3", "times,", "3", "states", "apart", "a"],
        ["killed", "2", "times,", "5", "states", "apart", "a"],
        ["killed", "3", "times,", "3", "states", "apart", "a", "in", "two", "processes"],
    ]
