"""segpipe certificates as a user would type it."""

from pathlib import Path

import pytest

from segpipe.cli.certificates import certificates
from segpipe.federation.certificates import read


def test_it_says_what_it_made_and_what_to_do_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificates(tmp_path, "server.example.org", ["north", "south"])
    first = capsys.readouterr().out
    assert f"result: {tmp_path}/server, {tmp_path}/sites/north, {tmp_path}/sites/south" in first and "safe way" in first
    assert read(tmp_path / "sites/south").name == "south"
    certificates(tmp_path, "server.example.org", ["north"])
    assert "all of them are already" in capsys.readouterr().out
