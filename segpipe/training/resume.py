"""Saved states of an interrupted training, and going on from them to the same bytes.

A training's folder carries its fingerprint in its name, so a state of anything else is never taken. The two newest states
are kept: where the newest is damaged, the one before serves. All is deleted when the training is done, so that a forced
rerun proves something.
"""

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segpipe.reproducibility.fingerprint import differences
from segpipe.storage import checksummed, files
from segpipe.storage.checksummed import DamagedError
from segpipe.training import state
from segpipe.training.loop import Run
from segpipe.training.not_finite import broken_names
from segpipe.training.precision import Scaler

KEPT = 2
LARGEST_SHARE = 0.05
"""Saving may take this share of the time at most, however large the model is."""
FORGOTTEN_S = 30 * 24 * 3600.0
"""A training that nobody went on with for so long is given up, and its states are deleted."""
ABOUT = "about.json"


class SavedStates:
    """The states of one training in one folder, `every_s` seconds apart or more; 0 saves one after each batch."""

    def __init__(self, folder: Path, every_s: float) -> None:
        self.folder, self.every_s = folder, every_s
        # Not time.time(), which jumps when the clock is set.
        self._last = time.monotonic()
        self._pause = every_s

    def saver(self, scaler: Scaler) -> Callable[[Run], None]:
        """A `Run.save_state` that saves a state when it is time. Raises PipelineError where it cannot be written.

        A model that holds a number which is not finite is not saved: it is no place to go on from, and would push out the state
        from before it broke, from which `segpipe replay` finds the step that broke it.
        """

        def save_state(run: Run) -> None:
            if time.monotonic() - self._last >= self._pause and not broken_names(run.model.state_dict()):
                self.save(run, scaler)

        return save_state

    def restore(self, run: Run, scaler: Scaler) -> bool:
        """Puts the newest whole state into the run; False where there is none. Damaged ones are named and deleted.

        Those that a killed process had half written go, too: the state that comes next bears another name.
        """
        for _, half in files.left_overs(self.folder):
            half.unlink(missing_ok=True)
        for path in reversed(self._states()):
            try:
                state.restore(run, scaler, path.read_bytes())
                return True
            except (DamagedError, OSError) as error:
                print(f"warning: {path} is damaged ({error}); going back to the state before it", file=sys.stderr)
                path.unlink(missing_ok=True)
        return False

    def newest_finite(self) -> bytes | None:
        """The newest whole state that holds finite numbers alone, None where there is none: such a training can be repeated."""
        for path in reversed(self._states()):
            with contextlib.suppress(DamagedError, OSError):
                content = path.read_bytes()
                if not broken_names(checksummed.opened(content)[0]):
                    return content
        return None

    def interrupted(self) -> bool:
        """Whether there are states to go on from."""
        return bool(self._states())

    def note(self, parts: Mapping[str, Any]) -> None:
        """Says what is trained here, for the sentence that another training gives."""
        files.write_json(self.folder / ABOUT, parts)

    def forget(self) -> None:
        """Deletes the folder: the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, run: Run, scaler: Scaler) -> None:
        """Saves a state now. Raises PipelineError where it cannot be written."""
        start = time.monotonic()
        progress = run.progress
        path = self.folder / f"{progress.epoch:06d}-{progress.batch:08d}.state"
        content = state.to_bytes(run, scaler)
        files.write_bytes(path, content)
        # Only now that the new state is on the disk as a whole.
        for old in self._states()[:-KEPT]:
            old.unlink(missing_ok=True)
        self._last = time.monotonic()
        self._pause = max(self.every_s, (self._last - start) / LARGEST_SHARE) if self.every_s else 0.0

    def _states(self) -> list[Path]:
        """Oldest first: the names sort as the epochs and batches do."""
        return sorted(self.folder.glob("*.state"))


def folder_of(root: Path, fold: int, fingerprint: str) -> Path:
    """Where the states of this training lie."""
    return root / ".resume" / f"train-{fold}-{fingerprint[:16]}"


def why_not(folder: Path, parts: Mapping[str, Any]) -> str:
    """Why a training starts anew although another one of its fold was interrupted; empty where none was.

    Deletes what was given up long ago.
    """
    fold = folder.name.split("-")[1]
    reasons = []
    for other in sorted(folder.parent.glob(f"train-{fold}-*/{ABOUT}")):
        if other.parent == folder:
            continue
        if time.time() - other.parent.stat().st_mtime > FORGOTTEN_S:
            shutil.rmtree(other.parent, ignore_errors=True)
            continue
        keys = [key.removeprefix("params.") for key in differences(_read(other), parts)]
        reasons.append(", ".join(keys[:3]))
    return reasons[-1] if reasons else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    return content if isinstance(content, dict) else {}
