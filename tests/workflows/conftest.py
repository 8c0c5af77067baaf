"""A small sample that is downloaded, converted and split, for tests of what follows."""

import contextlib
import io
import shutil
from pathlib import Path

import pytest

from stages import convert, download, split
from tests import plain_params
from tests.pipeline.conftest import TINY, set_params
from tests.structure.imports import ROOT


@pytest.fixture(scope="module")
def sample_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample, split."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copy(ROOT / "runtime.lock", folder)
    plain_params.write(folder)
    (folder / "kept_folds.csv").touch()
    set_params(folder, TINY)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        for stage in (download, convert, split):
            stage.main()
    return folder
