"""A training that ends by a number which is not finite leaves the step for `segpipe replay`, and says so."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.storage import workspace
from segpipe.training import failed_step, state
from segpipe.training.failed_step import FailedStep
from segpipe.training.loop import Run
from segpipe.training.not_finite import NotFiniteError
from segpipe.training.resume import SavedStates
from segpipe.workflows.assemble import Training, batch_ids


@contextmanager
def keep_failed_step(training: Training, run: Run, states: SavedStates) -> Iterator[None]:
    """Keeps the step by which a NotFiniteError is raised inside it, and lets the error go on with the command that repeats it."""
    failed_step.forget_old(workspace.main_root())
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteError(error.broken, f"{error} {_kept(training, run, states, error)}") from None


def _kept(training: Training, run: Run, states: SavedStates, error: NotFiniteError) -> str:
    """Writes the folder; says in a sentence how to look into it, or why it could not be written."""
    card, progress = training.card, run.progress
    folder = failed_step.folder_of(workspace.main_root(), card.fold, card.fingerprint)
    # The broken weights are no place to start from: the newest state before them is.
    before = states.newest_finite() if error.broken == "weights" else state.to_bytes(run, training.scaler)
    ids = () if error.broken == "weights" else batch_ids(training, progress.epoch, progress.batch)
    failed = FailedStep(card.fold, progress.epoch, progress.batch, ids, error.broken, str(error), card.training)
    try:
        failed_step.write(folder, failed, before)
    except PipelineError as refused:
        return f"The step could not be kept to be looked into: {refused}"
    return f"To see the layer, the image and the class it came from: segpipe replay {shlex.quote(str(_short(folder)))}"


def _short(folder: Path) -> Path:
    """As seen from the current folder where that is shorter."""
    relative = Path(os.path.relpath(folder))
    return folder if relative.parts[0] == ".." else relative
