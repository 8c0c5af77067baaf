"""Keeps a trained model after an edit of the code that changes no byte of it, once that is proved.

The old code, out of Git, and the new one train the same things in fresh processes: some steps with every layer hashed, and
all epochs on one batch of images, so that schedules and the end of training run too. Only where every hash agrees does the
model's card get the new code's hash, as a training would write it now, and DVC records it with `dvc commit`.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segpipe import paths
from segpipe.diagnostics import compare_traces
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.params.load import load_params
from segpipe.params.schema import require_repeatable
from segpipe.tracking import mlflow_runs
from segpipe.workflows.traced import traced

TRACE = "segpipe/workflows/trace.py"
"""What is run of both, to compare them."""
SHARED = ("data/prepared", "data/folds")
FIXED = ("data", "folds", "encoder_weights", "device", "instruction_set", "versions", "python")
"""What must be as it was: an edit of the code leaves these alone."""
OUTCOME = ("best_epoch", "epochs", "first_steps")
"""What a card says of how its training went."""


@dataclass(frozen=True)
class Proved:
    """A fold's model with its card as the new code would write it, and its fingerprint `before`."""

    segmenter: Segmenter
    card: Card
    before: str


def adopt(fold: int | None, against: str, steps: int) -> Sequence[int]:
    """Proves over some steps that edited code gives the models that are there, and records them; returns which folds.

    `against` is the commit whose code trained them. Raises PipelineError where that is not so; nothing is recorded then.
    """
    params = load_params()
    require_repeatable(params)
    # code.json and what lies before the training must be those of now.
    _dvc("repro", "sanity")
    folds = params.folds if fold is None else (fold,)
    with tempfile.TemporaryDirectory() as temporary:
        old = _checkout(against, Path(temporary) / "old")
        # All of them before any is written: a fold that is refused must not leave others half recorded.
        proved = [_prove(each, old, Path(temporary), steps, params.train.batch_size) for each in folds]
    for each in proved:
        model_file.save(paths.model_file(each.card.fold), each.segmenter, each.card)
        _adopt_snapshots(each.card)
        # The MLflow run of the training goes on under the new fingerprint.
        tracker = mlflow_runs.reopen(params.tracking.experiment, each.before)
        tracker.tags({mlflow_runs.FINGERPRINT: each.card.fingerprint})
    for number in folds:
        # --force, since DVC would ask whether changed dependencies are meant.
        _dvc("commit", "--force", f"train@{number}")
    return folds


def _prove(fold: int, old: Path, scratch: Path, steps: int, batch: int) -> Proved:
    """Proves that the old code and the new train the same; nothing is written. Raises PipelineError where they do not."""
    model = paths.model_file(fold)
    segmenter, card = model_file.load(model)
    for name, (count, images) in {"layers": (steps, 0), "epochs": (0, batch)}.items():
        file = scratch / "trace.json"
        now = traced(Path(), fold, count, images, file)
        then = traced(old, fold, count, images, file)
        _require_same_task(model, card.training, now["card"]["training"], then["card"]["training"])
        if difference := compare_traces.first_difference(then, now):
            raise PipelineError(f"{model} cannot be adopted: {difference}. Run `dvc repro`, which trains again.")
        print(f"fold {fold}, {name}: {len(now['entries'])} hashes of the old code and the new agree")
    fresh = Card.from_dict(now["card"])
    # How the training went is no part of a card that was made before one.
    outcome = {key: card.training[key] for key in OUTCOME}
    return Proved(segmenter, replace(fresh, training=fresh.training | outcome), card.fingerprint)


def _adopt_snapshots(card: Card) -> None:
    """Gives the weights of other epochs the card of the model, but for how the training ended."""
    plain = {key: value for key, value in card.training.items() if key not in OUTCOME}
    for file in sorted(paths.snapshots_folder(card.fold).glob("*.safetensors")):
        segmenter, before = model_file.load(file)
        model_file.save(file, segmenter, replace(card, training=plain | {"epoch": before.training["epoch"]}))


def _require_same_task(model: Path, recorded: dict[str, Any], now: dict[str, Any], then: dict[str, Any]) -> None:
    """Raises PipelineError where more than the code, or keys that were not there before, has changed."""
    if recorded["code"] != then["code"]:
        raise PipelineError(
            f"{model} was trained by other code than that of --against. Name the commit whose dvc.lock holds this model."
        )
    changed = compare_traces.describe_differences({key: recorded.get(key) for key in FIXED}, {key: now.get(key) for key in FIXED})
    changed += compare_traces.describe_differences(recorded["params"], _known(now["params"], recorded["params"]))
    if changed:
        raise PipelineError(f"{model} cannot be adopted, since {', '.join(changed)}. Run `dvc repro`, which trains again.")


def _known(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The parameters without keys that are new: those are proved by the traces."""
    kept: dict[str, Any] = {}
    for key, value in now.items():
        if key in before:
            old = before[key]
            kept[key] = _known(value, old) if isinstance(value, dict) and isinstance(old, dict) else value
    return kept


def _checkout(commit: str, folder: Path) -> Path:
    """The commit's files in a folder, reading the data that is here."""
    archive = subprocess.run(["git", "archive", "--format=tar", commit], capture_output=True, check=False)
    if archive.returncode:
        raise PipelineError(f"git knows no {commit} here: {archive.stderr.decode(errors='replace').strip()}")
    folder.mkdir()
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            # The filter refuses names and links that lead out of the folder.
            tar.extractall(folder, filter="data")
    except tarfile.ReadError:
        # tarfile takes an archive of nothing for a damaged one.
        raise PipelineError(f"{commit} has no files. Name the commit whose dvc.lock holds this model (--against).") from None
    if not (folder / TRACE).is_file():
        raise PipelineError(
            f"the code of {commit} is too old to be compared: it has no {TRACE}. Run `dvc repro`, which trains again."
        )
    for name in SHARED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(Path(name).resolve())
    return folder


def _dvc(*arguments: str) -> None:
    """Runs DVC by this Python. Raises PipelineError where it fails; DVC has said why."""
    if subprocess.run([sys.executable, "-m", "dvc", *arguments], check=False).returncode:
        raise PipelineError(f"`dvc {' '.join(arguments)}` failed; what went wrong stands above. Nothing was recorded.")
