"""Whether a training repeats itself, here and as it was recorded; the answer begins with one of three words.

`same`, `other processor` with what differs, or `different` with the first thing that does.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from segpipe import paths
from segpipe.diagnostics import compare_traces
from segpipe.diagnostics.trace import WEIGHTS
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.schema import require_repeatable
from segpipe.storage import checksummed, workspace
from segpipe.storage.files import sha256_of
from segpipe.training.first_steps import FIRST
from segpipe.workflows.traced import traced


class Verdict(NamedTuple):
    """That it is the same, in words, and what to run next."""

    result: str
    following: str


def verify(steps: int, fold: int | None, full: bool) -> Verdict:
    """Trains a few steps twice in fresh processes, and compares them with each other and with the model that is there.

    With `full` the whole pipeline runs again, and dvc.lock and metrics/ are compared. Raises PipelineError that begins with
    the other two words.
    """
    params = load_params()
    require_repeatable(params)
    chosen = params.folds[0] if fold is None else fold
    model = paths.model_file(chosen)
    recorded = _recorded(model)
    return _whole(recorded) if full else _steps(steps, chosen, model, recorded)


def _steps(steps: int, fold: int, model: Path, recorded: dict[str, Any] | None) -> Verdict:
    with tempfile.TemporaryDirectory() as temporary:
        first, second = (traced(Path(), fold, steps, 0, Path(temporary) / f"{number}.json") for number in range(2))
    for warning in first["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"deterministic algorithms take {first['slowdown']:.2f} times as long as others here")
    if difference := compare_traces.first_difference(first, second):
        raise PipelineError(f"different: {difference}.")
    entries = len(first["entries"])
    print(f"two trainings of {steps} steps: equal batches, layers, gradients, weights and scores ({entries} hashes)")
    return _against(model, recorded, first, steps)


def _against(model: Path, recorded: dict[str, Any] | None, trace: dict[str, Any], steps: int) -> Verdict:
    """Holds the first steps against those that the model's own training noted."""
    if recorded is None:
        return Verdict("same: the two trainings agree; there is no model to compare with", "dvc repro")
    now = trace["card"]["training"]
    # Versions and processor are not among these: what they change is to be found, and told as their doing.
    chosen = {key: (recorded.get(key), now.get(key)) for key in ("params", "data", "folds", "code", "encoder_weights")}
    if any(old != new for old, new in chosen.values()):
        names = ", ".join(key for key, (old, new) in chosen.items() if old != new)
        return Verdict(f"same: the two trainings agree; {model} was trained with other {names}", "dvc repro")
    # The batch after which `first_steps.noting` takes its hash.
    place = min(FIRST, trace["n_batches"])
    if steps < place:
        return Verdict(f"same: the two trainings agree; --steps {place} would compare them with {model} too", "dvc repro")
    # An entry is the repr of the hash.
    weights = [value.strip("'") for _, what, value in trace["entries"] if what == WEIGHTS]
    if weights[place - 1] == recorded.get("first_steps"):
        return Verdict(f"same: also as {model}, whose weights after {place} steps are these", "segpipe verify --full")
    raise PipelineError(_verdict(recorded, now, f"the weights after {place} steps are not those of {model}"))


def _whole(recorded: dict[str, Any] | None) -> Verdict:
    """`dvc repro --force`: a byte of dvc.lock or metrics/ that changes is a failure."""
    if not paths.LOCK.is_file() or recorded is None:
        raise PipelineError("there is no dvc.lock, or no model, to compare with. Run `make repro` first.")
    before, lock = _hashes(), paths.LOCK.read_text(encoding="utf-8")
    # By this Python, not by a `dvc` that happens to be on the PATH.
    afresh = os.environ | {workspace.AFRESH: "1"}  # what was kept of the run before would prove itself
    if subprocess.run([sys.executable, "-m", "dvc", "repro", "--force"], check=False, env=afresh).returncode:
        raise PipelineError("`dvc repro --force` failed, so nothing could be compared; what went wrong stands above.")
    after = _hashes()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        fold = recorded["fold"]
        now = _recorded(paths.model_file(fold)) or {}
        raise PipelineError(_verdict(recorded, now, f"{', '.join(changed)} changed ({'; '.join(_outs(lock))}). See `git diff`"))
    return Verdict(f"same: {len(before)} files, every byte of dvc.lock and metrics/", "open reports/index.html")


def _verdict(recorded: dict[str, Any], now: dict[str, Any], what: str) -> str:
    """The second or the third word, and why."""
    processor = compare_traces.describe_differences(compare_traces.of_processor(recorded), compare_traces.of_processor(now))
    if processor:
        return f"other processor: {', '.join(processor)}; {what}. Bytes repeat on the same kind of processor and versions."
    return f"different: {what}, on the same kind of processor and versions. `segpipe verify --steps 8` may name the operation."


def _recorded(model: Path) -> dict[str, Any] | None:
    """What the model says of its training, None where there is no model."""
    if not model.is_file():
        return None
    try:
        about = checksummed.opened(model.read_bytes())[1]
        return {"fold": about["fold"]} | about["training"]
    except (checksummed.DamagedError, KeyError, TypeError) as error:
        raise PipelineError(f"{model}: damaged ({error}). Bring it back with `dvc checkout`.") from None


def _hashes() -> dict[str, str]:
    files = [paths.LOCK, *sorted(path for path in paths.METRICS.rglob("*") if path.is_file())]
    return {path.as_posix(): sha256_of(path) for path in files}


def _outs(lock: str) -> list[str]:
    """The outputs whose hash has changed, by the stage that makes them."""
    before, after = (yaml.safe_load(text)["stages"] for text in (lock, paths.LOCK.read_text(encoding="utf-8")))
    return [
        f"stage {stage}: {out['path']} differs"
        for stage, content in after.items()
        for out in content.get("outs", [])
        if out not in before.get(stage, {}).get("outs", [])
    ]
