"""segpipe federation as a user would type it; rounds over the network are in tests/federation."""

from pathlib import Path

import pytest

from segpipe.cli.federation_certificates import certificates
from segpipe.cli.federation_serve import serve
from segpipe.errors import PipelineError
from segpipe.federation.certificates import read
from tests import plain_params


def test_certificates_says_what_it_made_and_what_to_do_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificates("server.example.org", ["north", "south"], tmp_path)
    first = capsys.readouterr().out
    assert f"result: {tmp_path}/server, {tmp_path}/sites/north, {tmp_path}/sites/south" in first and "safe way" in first
    assert read(tmp_path / "sites/south").name == "south"
    certificates("server.example.org", ["north"], tmp_path)
    assert "all of them are already" in capsys.readouterr().out


def test_a_server_serves_federated_trainings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain_params.write(tmp_path)
    with pytest.raises(PipelineError, match=r"train\.strategy: single\. Write federated"):
        serve(["north"])
