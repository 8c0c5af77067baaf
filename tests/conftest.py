"""What holds for every test: threads that get along with each other, no telemetry, the same examples each time."""

import os

import pytest
from hypothesis import settings

from segpipe.command import ENVIRONMENT

for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)

# A loaded machine is slow and not wrong, and a test that fails today must fail tomorrow.
settings.register_profile("segpipe", deadline=None, derandomize=True, database=None)
settings.load_profile("segpipe")


@pytest.hookimpl(tryfirst=True)  # xdist's own comes after, and reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `make test`, which runs two processes: a file is one process's work, and all that needs DVC's repository is one file.

    That takes about half of the time and comes first, so that both processes end together.
    """
    items.sort(key=lambda item: "pipeline" not in item.path.parts)
    for item in items:
        whole = "pipeline" if "pipeline" in item.path.parts else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(whole))
