"""Repeats the step at which a training ended by a number that is not finite, and says where it comes from."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from segpipe.dataset.loader import Batch
from segpipe.diagnostics import batch_picture
from segpipe.diagnostics.guilty_pixels import guilty
from segpipe.diagnostics.not_finite_step import Examined, examine, reach
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.params.schema import require_repeatable
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility.fingerprint import differences
from segpipe.storage import files, workspace
from segpipe.storage.checksummed import DamagedError
from segpipe.training import accumulate, failed_step, loop, precision, state
from segpipe.training.failed_step import FailedStep
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.workflows import replay_text
from segpipe.workflows.assemble import Training
from segpipe.workflows.replay_text import Step
from segpipe.workflows.train import prepare

DECIDING = ("params.", "data", "folds", "code", "encoder_weights", "class_weights")
"""Of the parts of a fingerprint, those that make it another step; the others are of this machine."""
PICTURE = "images.png"


def replay(folder: Path, anyway: bool) -> tuple[str, str]:
    """Prints what is found; returns the result in a line and what to do next.

    Raises PipelineError where the training here is another one, unless `anyway` says that it may be.
    """
    failed, content = failed_step.read(folder)
    whole = load_params()
    require_repeatable(whole)
    params = TrainKeys.of(whole)
    if failed.broken != "weights":
        # One batch: loader workers would make those that follow it, too.
        params = params.model_copy(update={"runtime": params.runtime.model_copy(update={"workers": 0, "cache_gib": 0.0})})
    training = prepare(params, failed.fold)
    differing = differences(failed.training, training.card.training)
    _require_same(folder, differing, anyway)
    run = training.run
    _restore(run, training, folder, content)
    print(f"then: {failed.sentence}", flush=True)
    with training.cache.opened(workspace.decoded_images()), translate_norm_errors():
        batch = _batch(run, failed)
        found = examine(run, training.segmenter, batch) if batch else Examined()
        if batch is None or not found.broken:
            return _finite(found, differing)
        batch = Batch(batch.ids, batch.image.cpu(), batch.target.cpu())
        found.logits, found.losses = found.logits.cpu(), {name: each.cpu() for name, each in found.losses.items()}
        step = _step(training, batch, found, folder, content)
    for line in [*replay_text.lines(step), *(f"try: {each}" for each in replay_text.advice(step))]:
        print(line)
    _write_picture(folder / PICTURE, step)
    return f"{folder / PICTURE}: the images named, with their masks, as training saw them", "what is tried above; then dvc repro"


def _require_same(folder: Path, differing: dict[str, tuple[Any, Any]], anyway: bool) -> None:
    """Raises PipelineError that names what decides a step and differs; what is of the machine is a warning."""
    for key, (then, now) in differing.items():
        if not key.startswith(DECIDING):
            print(f"warning: {key} was {then} then and is {now} here: the step may come out otherwise", file=sys.stderr)
    deciding = {key: both for key, both in differing.items() if key.startswith(DECIDING)}
    if deciding and anyway:
        print(f"warning: this is not the step that failed: {_told(deciding)}", file=sys.stderr)
    elif deciding:
        raise PipelineError(
            f"{folder}: this is not the training that failed: {_told(deciding)}. Bring that back to repeat the very step; or "
            "repeat it all the same with `--anyway`, to see whether changed code mends it. A changed parameter of the optimizer "
            "does not show there, since the weights are from before: train again."
        )


def _told(differing: dict[str, tuple[Any, Any]]) -> str:
    """In words, the first few."""
    words = {
        "data": "data/prepared is other data",
        "folds": "the folds are others",
        "code": "the code has changed",
        "encoder_weights": "the encoder starts from other weights",
        "class_weights": "the weights of the classes are others",
    }
    told = [words.get(key) or f"{key.removeprefix('params.')} was {then} and is {now}" for key, (then, now) in differing.items()]
    return ", ".join(told[:5]) + (f" and {len(told) - 5} more" if len(told) > 5 else "")


def _restore(run: loop.Run, training: Training, folder: Path, content: bytes | None) -> None:
    """The state before the step, or the training's start. Raises PipelineError where it is damaged, or another network's."""
    if content is None:
        return
    try:
        state.restore(run, training.scaler, content)
    except DamagedError as error:
        raise PipelineError(f"{folder}: its state is damaged ({error}). Train again, until it fails again.") from None
    # load_state_dict's, which `--anyway` lets come so far.
    except (RuntimeError, KeyError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise PipelineError(
            f"{folder}: its state does not fit the training here ({reason}). Bring back what has changed."
        ) from None


def _batch(run: loop.Run, failed: FailedStep) -> Batch | None:
    """The step's batch, with the run as it was before it."""
    if failed.broken != "weights":
        return next(iter(run.batches(failed.epoch, failed.batch)))
    print(
        f"trains on from {run.progress.place}, the newest state before it, and looks at all weights after each step ...",
        flush=True,
    )
    return reach(run, failed.epoch)


def _step(training: Training, batch: Batch, found: Examined, folder: Path, content: bytes | None) -> Step:
    """With the same step in fp32 beside it, where it was computed in half precision."""
    n_classes = len(training.data.pack.info.classes)
    whose = guilty(found, batch.target, training.loss, n_classes)
    return Step(training, batch, found, whose, _in_fp32(training, batch, found, folder, content))


def _in_fp32(training: Training, batch: Batch, found: Examined, folder: Path, content: bytes | None) -> bool | None:
    params, run = training.params.train, training.run
    if params.precision == "fp32" or found.broken == "weights":
        return None
    _restore(run, training, folder, content)
    whole = replace(
        run,
        autocast=precision.autocast("fp32", training.device),
        backward=accumulate.backward(params.accumulate, None, training.segmenter),
        step=precision.stepper(run.model, run.optimizer, training.params.optim.clip_norm, None),
    )
    finite = examine(whole, training.segmenter, batch).broken is None
    _restore(run, training, folder, content)
    return finite


def _finite(found: Examined, differing: dict[str, tuple[Any, Any]]) -> tuple[str, str]:
    """The answer where nothing is broken here."""
    if found.losses:
        print(f"now: the step is finite, with a loss of {float(found.losses['loss'].mean()):.4g}")
    reason = f"what differs from then: {', '.join(differing)}" if differing else "nothing that is recorded differs from then"
    return f"the step is finite here; {reason}", "dvc repro"


def _write_picture(path: Path, step: Step) -> None:
    places = step.guilty.images[: replay_text.SHOWN]
    image = step.batch.image[places]
    shown = image if not image.is_floating_point() else image.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    part = Batch(tuple(step.images[: replay_text.SHOWN]), shown, step.batch.target[places])
    files.write_bytes(path, batch_picture.picture(part, None, len(step.training.data.pack.info.classes)))
