"""The folder that is left of a step which was not finite: the state before it, and which step it was.

It lies beside the saved states and outlives them; a training has one at most. All draws follow from seed, fold, epoch and image,
so the state and two numbers are the whole step. The forward pass was made before the state is saved: in training mode it changes
batch normalisation's statistics and reads none of them, and a layer that reads them, in evaluation mode, leaves them as they are.
"""

import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.storage import files
from segpipe.training.not_finite import Broken
from segpipe.training.resume import FORGOTTEN_S

ABOUT, STATE = "about.json", "before.state"
PREFIX = "not-finite-"


@dataclass(frozen=True)
class FailedStep:
    """Which step it was: epoch and batch, counted from 0, and the ids of its images; `training` is what the card says of it.

    Where weights are broken the step is not known, only the epoch after which they were: then there are no ids.
    """

    fold: int
    epoch: int
    batch: int
    images: tuple[str, ...]
    broken: Broken
    sentence: str
    training: dict[str, Any]


def folder_of(root: Path, fold: int, fingerprint: str) -> Path:
    """Where the failed step of this training lies."""
    return root / ".resume" / f"{PREFIX}{fold}-{fingerprint[:16]}"


def write(folder: Path, failed: FailedStep, state: bytes | None) -> None:
    """Writes the folder anew; without a state the step is reached from the training's start.

    Raises PipelineError where the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if state is not None:
        files.write_bytes(folder / STATE, state)
    # Last: a folder that has it is whole.
    files.write_json(folder / ABOUT, asdict(failed))


def read(folder: Path) -> tuple[FailedStep, bytes | None]:
    """What `write` left there. Raises PipelineError for any other folder."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        failed = FailedStep(**about | {"images": tuple(about["images"])})
        state = (folder / STATE).read_bytes() if (folder / STATE).is_file() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"no file {ABOUT}" if isinstance(error, FileNotFoundError) else str(error)
        raise PipelineError(
            f"{folder}: no step to replay ({reason}). Name the folder that the training named when it ended, .resume/{PREFIX}..."
        ) from None
    return failed, state


def forget_old(root: Path) -> None:
    """Deletes the folders that are as old as states which were given up."""
    for folder in (root / ".resume").glob(f"{PREFIX}*"):
        # Where it is gone meanwhile, another process deleted it.
        if folder.is_dir() and time.time() - folder.stat().st_mtime > FORGOTTEN_S:
            shutil.rmtree(folder, ignore_errors=True)
