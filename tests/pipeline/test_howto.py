"""What the how-to pages of experiments show is run here, command by command: with remotes, a colleague and a server of MLflow."""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from dvc.api import DVCFileSystem
from mlflow import MlflowClient

from tests.pages import executed
from tests.pipeline import conftest, shown
from tests.pipeline.conftest import dvc, git, ran

pytestmark = pytest.mark.slow

PAGES = executed.TOGETHER
COMMANDS = shown.commands(PAGES)
PLACE, PORT = "/srv/segpipe", "5000"
"""What the pages write where readers have a place and a port of their own."""
STANDS_FOR = {"make setup": "make --dry-run setup"}
MODEL = "models/fold0/model.safetensors"


@dataclass(frozen=True)
class Done:
    """A command as its page has it, the folder that it ran in, and how it ended."""

    command: str
    folder: Path
    result: "subprocess.CompletedProcess[str]"


@dataclass
class Shell:
    """A reader's shell: where it is, what it exported, and the servers that run beside it."""

    folder: Path
    environment: dict[str, str]
    servers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Does as a shell does; a server answers when this returns."""
        match shlex.split(command):
            case ["cd", place]:
                self.folder = (self.folder / place).resolve(strict=True)
            case ["export", pair]:
                self.environment |= dict([pair.split("=", 1)])
            case ["mlflow", "server", *_]:
                self._serve(command)
            case _:
                return subprocess.run(
                    command,
                    shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
                    stdin=subprocess.DEVNULL,
                )  # fmt: skip
        return subprocess.CompletedProcess(command, 0, "", "")

    def stop(self) -> None:
        """The servers and their workers."""
        for server in self.servers:
            subprocess.run(["kill", "-KILL", "--", f"-{server.pid}"], check=False, capture_output=True)
            server.wait()

    def _serve(self, command: str) -> None:
        silent = subprocess.DEVNULL
        server = subprocess.Popen(
            f"exec {command}", shell=True, cwd=self.folder, env=self.environment, stdout=silent, stderr=silent,
            start_new_session=True,
        )  # fmt: skip
        self.servers.append(server)
        health = f"http://127.0.0.1:{command.partition('--port ')[2].split()[0]}/health"
        for _ in range(1200):
            try:
                with urlopen(health, timeout=1):
                    return
            except OSError:
                assert server.poll() is None, "the server did not start"
                time.sleep(0.1)
        raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where origin, the DVC remote and the server's runs are."""
    return tmp_path_factory.mktemp("srv")


@pytest.fixture(scope="module")
def project(repository: Path, place: Path) -> Path:
    """A clone of origin in which all has run."""
    git(repository, "clone", "--quiet", "--bare", ".", str(place / "project.git"))
    return conftest.clone(repository, place / "project.git", place / "project")


@pytest.fixture(scope="module")
def port() -> int:
    """One that is free on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def done(project: Path, place: Path, port: int) -> Iterator[list[Done]]:
    """All commands of the pages, one after the other; each page begins in the project."""
    path = os.pathsep.join([str(project / ".venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    shell = Shell(project, own | {"PATH": path, "PYTHONPATH": ""})
    found, page = [], ""
    try:
        for at, command in COMMANDS:
            if at != page:
                page, shell.folder = at, project
            said = STANDS_FOR.get(command, command).replace(PLACE, str(place)).replace(PORT, str(port))
            result = shell.run(said)
            found.append(Done(command, shell.folder, result))
        yield found
    finally:
        shell.stop()


def of(done: list[Done], command: str) -> Done:
    """The one command that begins so."""
    (found,) = (each for each in done if each.command.startswith(command))
    return found


def test_the_pages_show_commands() -> None:
    commands = [command for _, command in COMMANDS]
    assert all(sum(page == at for at, _ in COMMANDS) >= 4 for page in PAGES)
    assert set(commands) >= STANDS_FOR.keys()
    assert all(any(word in command for command in commands) for word in (PLACE, PORT))


def test_every_command_of_the_pages_works(done: list[Done]) -> None:
    assert {each.command: each.result.stdout + each.result.stderr for each in done if each.result.returncode} == {}


def test_models_are_compared_and_settings_where_there_are_seeds(done: list[Done]) -> None:
    one = of(done, "segpipe compare main slow").result.stdout
    assert "These models" in one and "optim.lr 0.0005     1" in one and "one run each cannot tell" in one
    both = of(done, "segpipe compare main main-s1").result.stdout
    assert "optim.lr 0.002      2" in both and "optim.lr 0.0005     2" in both and "would be found with these seeds" in both
    assert "the same training" in of(done, "segpipe compare slow workspace").result.stdout


def test_nothing_runs_at_the_colleagues(done: list[Done], project: Path) -> None:
    at = of(done, "dvc repro")
    assert at.folder != project and ran(at.result) == []


def test_an_experiment_comes_to_the_colleague_to_the_byte(done: list[Done], project: Path) -> None:
    listed, applied = of(done, "dvc exp list"), of(done, "dvc exp apply less-dice")
    assert "less-dice" in listed.result.stdout and applied.folder == of(done, "dvc repro").folder
    commit = git(project, "for-each-ref", "--format=%(objectname)", "refs/exps/**/less-dice").strip()
    kept = DVCFileSystem(str(project), rev=commit).read_bytes(MODEL)
    assert (applied.folder / MODEL).read_bytes() == kept != (project / MODEL).read_bytes()
    assert dvc(applied.folder, "status").stdout.strip() == "Data and pipelines are up to date."


@pytest.mark.usefixtures("done")
def test_no_name_of_an_image_is_in_git(project: Path) -> None:
    table = (project / "data/folds/folds.csv").read_text(encoding="utf-8").splitlines()
    ids = [word for line in table[1:] for word in ("-e", line.split(",")[0])]
    assert ids
    found = subprocess.run(["git", "grep", "-F", "-l", *ids, "main"], cwd=project, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")


def test_the_server_has_the_run_and_either_finds_the_other(done: list[Done], port: int) -> None:
    client = MlflowClient(f"http://127.0.0.1:{port}")
    experiment = client.get_experiment_by_name("segpipe")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "fast fold 0" and run.info.status == "FINISHED"
    kept = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert kept == {"model", "predictions", "report"}
    assert f"MLflow run fast fold 0 ({run.info.run_id})" in of(done, "segpipe track link fast").result.stdout
    assert "fast at " in of(done, 'segpipe track link "fast fold 0"').result.stdout


@pytest.mark.usefixtures("done")
def test_a_shallow_clone_has_the_results_and_loses_experiments(place: Path) -> None:
    """If the last line fails, DVC has changed, and the page and `segpipe study run` may allow what they refuse."""
    folder = place / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{place}/project.git", str(folder)], check=True)
    dvc(folder, "pull")
    assert ran(dvc(folder, "repro")) == []
    code = [sys.executable, "-m", "segpipe.cli.main"]
    same = subprocess.run([*code, "compare", "main", "workspace"], cwd=folder, capture_output=True, text=True, check=True)
    assert "the same training" in same.stdout
    study = [*code, "study", "run", "studies/dice_weight.yaml"]
    refused = subprocess.run(study, cwd=folder, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and refused.stderr.rstrip().endswith("git fetch --unshallow")
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")
    lost = dvc(folder, "exp", "run", "--temp", "--name", "lost", "-S", "report.n_examples=2")
    assert "lost" in lost.stdout + lost.stderr
    assert git(folder, "for-each-ref", "refs/exps") == ""
