"""What holds for every test: threads that get along with each other, no telemetry, the same examples each time."""

import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import settings

from segpipe.console.command import ENVIRONMENT
from segpipe.storage.workspace import AFRESH
from tests import plain_params

# No test may pass for what another one left; those of the cache take it out.
os.environ.setdefault(AFRESH, "1")
# The processes of `make test` have no core to spare, and small tensors gain nothing by a second thread: where a test does not
# ask for more, one computes, and where it does, they sleep while they wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)

# A process that is spawned imports these for seconds; one that is forked from multiprocessing's server finds them there.
multiprocessing.set_forkserver_preload(["albumentations", "pandas", "torch._dynamo", "torchvision.transforms.v2"])

DVC_CONFIG = "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"

# A loaded machine is slow and not wrong, and a test that fails today must fail tomorrow.
settings.register_profile("segpipe", deadline=None, derandomize=True, database=None)
settings.load_profile("segpipe")


FIRST = [
    "torture/test_independence.py",
    *("pipeline/", "torture/", "corpus/", "workflows/", "training/", "models/", "cli/", "dataset/"),
]
"""What takes longest, so that the two processes of `make test` end together. One of them begins with DVC's tests, and makes the
repository that these share; meanwhile the other has something else to do.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By `FIRST`, and then as they are found."""
    rooms = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(rooms).as_posix()
        return next((rank for rank, start in enumerate(FIRST) if place.startswith(start)), len(FIRST))

    items.sort(key=rank)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with this one's params.yaml and without Git, as the current folder."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(DVC_CONFIG)
    plain_params.write(root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return root


@pytest.fixture
def without_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the second that `dvc add` takes."""
    monkeypatch.setattr("segpipe.acquire.ingest._dvc_add", lambda: None)
