"""A federation as people hold it: `segpipe federation serve` and `join`, each a process of its own, over loopback with TLS.

`make federated-test` runs it, since our own environment has no Flower.
"""

import csv
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from segpipe.models import model_file
from segpipe.params import edit
from tests.structure.imports import ROOT
from tests.training.test_resume import bytes_of
from tests.workflows.sites import NAMES, in_groups, project_of_each

pytestmark = pytest.mark.skipif(importlib.util.find_spec("flwr") is None, reason="needs Flower: make federated-test")

VALUES = {
    "train.strategy": "federated",
    "federated.sites": "group",
    "train.epochs": 3,
    "train.batch_size": 2,
    "train.validate_every": 1,
}


@pytest.fixture(scope="module")
def projects(sample_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`together`, `server`, and a project of each site."""
    folder = tmp_path_factory.mktemp("federation")
    together = folder / "together"
    shutil.copytree(sample_project, together)
    in_groups(together)
    edit.write(together / "params.yaml", VALUES)
    project_of_each(together, folder)
    (folder / "server").mkdir()
    for name in ("params.yaml", "runtime.lock"):
        shutil.copy(together / name, folder / "server" / name)
    run(folder / "server", "segpipe.cli.main", "federation", "certificates", "127.0.0.1", *NAMES)
    for name in NAMES:
        shutil.copytree(folder / "server" / "federation" / "sites" / name, folder / name / "federation")
    run(together, "stages.train", "--fold", "0")
    return folder


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder), "MLFLOW_TRACKING_URI": "nowhere://"}


def run(folder: Path, module: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=folder, env=environment(folder), check=True, capture_output=True
    )


def start(processes: list[subprocess.Popen[str]], folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`segpipe federation` with these arguments; what it says goes to said.txt of its folder."""
    with (folder / "said.txt").open("a", encoding="utf-8") as said:
        command = [sys.executable, "-u", "-m", "segpipe.cli.main", "federation", *arguments]
        processes.append(subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=said, stderr=said, text=True))
    return processes[-1]


def until(folder: Path, sentence: str, count: int = 1) -> None:
    """Waits until it was said so often."""
    end = time.monotonic() + 120
    while (folder / "said.txt").read_text(encoding="utf-8").count(sentence) < count:
        assert time.monotonic() < end, (folder / "said.txt").read_text(encoding="utf-8")
        time.sleep(0.05)


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_the_model_is_that_of_one_place_though_the_server_was_killed(
    projects: Path, processes: list[subprocess.Popen[str]]
) -> None:
    address, server = free_address(), projects / "server"
    first = start(processes, server, "serve", *NAMES, "--address", address)
    sites = [start(processes, projects / name, "join", address) for name in NAMES]
    until(server, "round 1/3")
    first.kill()
    first.wait()
    again = start(processes, server, "serve", *NAMES, "--address", address)
    assert again.wait(120) == 0, (server / "said.txt").read_text(encoding="utf-8")
    assert [site.wait(60) for site in sites] == [0, 0, 0]
    model, card = model_file.load(server / "models" / "federated" / "model.safetensors")
    wanted, own = model_file.load(projects / "together" / "models" / "fold0" / "model.safetensors")
    assert bytes_of(model.state_dict()) == bytes_of(wanted.state_dict())
    assert card.training["federated"] == own.training["federated"] and card.training["best_epoch"] == own.training["best_epoch"]
    rows = [*csv.DictReader((server / "models" / "federated" / "sites.csv").open(encoding="utf-8"))]
    assert [row["site"] for row in rows] == list(NAMES) and all(row["dice"] for row in rows)
    assert not [*(server / ".resume").glob("*.state")]


def test_a_site_that_is_killed_in_a_round_is_left_out_and_comes_back(
    projects: Path, processes: list[subprocess.Popen[str]]
) -> None:
    address, server = free_address(), projects / "server"
    (server / "said.txt").write_text("", encoding="utf-8")
    edit.write(server / "params.yaml", {"train.epochs": 8})
    serving = start(processes, server, "serve", *NAMES, "--address", address)
    sites = {name: start(processes, projects / name, "join", address) for name in NAMES}
    until(server, "round 1/8")
    sites["south"].kill()
    until(server, "site south gave no answer")
    sites["south"] = start(processes, projects / "south", "join", address)
    assert serving.wait(120) == 0
    assert [site.wait(60) for site in sites.values()] == [0, 0, 0]
    rows = [*csv.DictReader((server / "models" / "federated" / "history.csv").open(encoding="utf-8"))]
    took_part = [float(row["sites"]) for row in rows]
    assert len(rows) == 8 and took_part[0] == 3 and min(took_part) == 2 and took_part[-1] == 3
