"""The folder of a step that was not finite: read as it was written, anything else refused, old ones gone."""

import os
import time
from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.training import failed_step, resume
from segpipe.training.failed_step import FailedStep

STEP = FailedStep(1, 3, 5, ("a", "b/c"), "gradient", "a gradient is not finite.", {"params": {"seed": 1}, "data": "1"})


@pytest.mark.parametrize("state", [b"a state", None])
def test_what_is_written_is_read(tmp_path: Path, state: bytes | None) -> None:
    folder = failed_step.folder_of(tmp_path, 1, "f" * 64)
    assert folder == tmp_path / ".resume" / f"not-finite-1-{'f' * 16}"
    failed_step.write(folder, STEP, b"an older one, which has to go")
    failed_step.write(folder, STEP, state)
    assert failed_step.read(folder) == (STEP, state)


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"images": [], "fold": 0}'])
def test_any_other_folder_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "about.json").write_text(content)
    with pytest.raises(PipelineError, match=r"no step to replay \(.+\)\. Name the folder that the training named"):
        failed_step.read(tmp_path)


def test_it_goes_when_saved_states_would(tmp_path: Path) -> None:
    old, new = (failed_step.folder_of(tmp_path, fold, "f" * 64) for fold in (0, 1))
    others = tmp_path / ".resume" / "train-0-1"
    for folder in (old, new, others):
        failed_step.write(folder, STEP, None)
    past = time.time() - resume.FORGOTTEN_S - 60
    for folder in (old, others):
        os.utime(folder, (past, past))
    failed_step.forget_old(tmp_path)
    assert not old.exists() and new.is_dir() and others.is_dir()
