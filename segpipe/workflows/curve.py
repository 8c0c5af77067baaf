"""Trains on growing parts of a fold's images, and says what more images would give; the project itself stays as it is."""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segpipe import paths
from segpipe.console import stop_signals
from segpipe.console.tables import format_table
from segpipe.dataset.pack import pixel_columns
from segpipe.dataset.split import folds
from segpipe.dataset.split.groups import groups_of
from segpipe.diagnostics import curve_picture, learning_curve
from segpipe.diagnostics.learning_curve import COLUMNS, Judge, Point
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.params.stage_keys import TrainKeys
from segpipe.scores.intervals import Pixels
from segpipe.storage import files, lock, workspace
from segpipe.storage.csv_table import csv_text
from segpipe.training import epoch_line, interruption, loop, resume
from segpipe.training.batch_progress import BatchProgress
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.training.pace import Pace
from segpipe.training.run_log import RunLog
from segpipe.workflows.assemble import Training, scorer, validation_plan
from segpipe.workflows.curve_subsets import nested, parse_shares, suited
from segpipe.workflows.out_of_memory import translate_out_of_memory
from segpipe.workflows.train import prepare_on
from segpipe.workflows.training_data import TrainingData, read_fold, wholly_ignored

FOLDER = Path("curve")


@dataclass(frozen=True)
class _Setting:
    """What all points share: the fold's data whole, the keys of its training, how parts are trained and scored."""

    data: TrainingData
    params: TrainKeys
    same_epochs: bool
    judge: Judge


def curve(fold: int | None, shares: str, same_epochs: bool) -> tuple[str, str]:
    """Trains on each share of a fold's images, prints the table and the answer; returns where the curve is, and what is next.

    Parts that are done are kept in `curve/`, under all that decides them, and are not trained again.
    Raises PipelineError for whatever keeps the fold from training.
    """
    wanted, whole = parse_shares(shares), load_params()
    setting = _setting(whole, whole.folds[0] if fold is None else fold, same_epochs)
    data, judge = setting.data, setting.judge
    parts = nested(data.train_ids, groups_of(data.pack.index, whole.split), wanted, whole.seed, data.fold)
    points: list[Point] = []
    with lock.exclusive(FOLDER / "curve.lock", "segpipe curve"):
        for number, (share, ids) in enumerate(parts.items(), start=1):
            print(f"part {number} of {len(parts)}: {len(ids)} of {len(data.train_ids)} training images", flush=True)
            points.append(_point(setting, share, ids))
            files.write_text(FOLDER / "curve.csv", csv_text(COLUMNS, learning_curve.table(points, judge)))
            files.write_bytes(FOLDER / "curve.png", curve_picture.picture(points, judge))
    heads = ("images", "epochs", "steps", f"validation {judge.score}, 95 %", "won, 95 %")
    print(f"\n{format_table(learning_curve.rows(points, judge), heads, n_left=0)}\n\n{learning_curve.answer(points, judge)}")
    return f"{FOLDER / 'curve.png'}, {FOLDER / 'curve.csv'}", "look at reports/suspects.csv before you draw more masks"


def _setting(whole: Params, fold: int, same_epochs: bool) -> _Setting:
    params = TrainKeys.of(whole)
    if params.train.strategy != "single":
        raise PipelineError(f"segpipe curve trains with train.strategy single, and params.yaml says {params.train.strategy}.")
    data = read_fold(fold, params.train.limit_images)
    # The loss has no upper end: there is no error to follow a law.
    score = "dice" if params.train.monitor == "loss" else params.train.monitor
    together = folds.read_groups(paths.FOLDS)
    groups = [together[item] for item in data.validation_ids]
    return _Setting(data, params, same_epochs, Judge(score, data.pack.info.has_background, groups if any(groups) else None))


def _point(setting: _Setting, share: float, ids: list[str]) -> Point:
    """That of a part, trained unless it is there already."""
    whole = setting.data
    _look_at(whole, ids)
    params = setting.params if setting.same_epochs else suited(setting.params, len(ids), len(whole.train_ids))
    training = prepare_on(params, replace(whole, train_ids=ids))
    content = json.dumps([training.card.fingerprint, ids, whole.validation_ids])
    name = hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]
    file = FOLDER / "points" / f"{name}.json"
    if (known := _read(file)) is not None:
        print(f"known from before ({file})", flush=True)
    else:
        known = _scored(training, name)
        files.write_json(file, known)
    pixels = Pixels(*np.array(known["pixels"], np.int64))
    return Point(share, len(ids), params.train.epochs, known["steps"], pixels)


def _look_at(data: TrainingData, ids: list[str]) -> None:
    """Raises PipelineError for a part without a pixel to learn from, and warns of classes that it lacks."""
    if wholly_ignored(data.pack, ids) == ids:
        raise PipelineError(f"every pixel of the {len(ids)} images of the smallest part is ignored. Write larger --shares.")
    columns = pixel_columns(data.pack.info)
    learned, asked = (data.pack.index.loc[each, columns].sum().to_numpy() > 0 for each in (ids, data.validation_ids))
    if missing := [name for name, here, there in zip(data.pack.info.classes, learned, asked, strict=True) if there and not here]:
        print(
            f"warning: none of these {len(ids)} images shows {', '.join(missing)}: nobody learns what it never saw",
            file=sys.stderr,
        )


def _scored(training: Training, name: str) -> dict[str, Any]:
    """The steps of a training, and each validation image's pixels, right, true and predicted, by the best epoch's weights."""
    weights, epochs = _own_model(training) or _fitted(training, FOLDER / "states" / name)
    training.segmenter.load_state_dict(weights)
    pixels = Pixels.of(np.stack([each.counts for each in scorer(training)(training.data.validation_ids)]))
    return {
        "steps": epochs * training.run.n_batches,
        "pixels": [each.tolist() for each in (pixels.hits, pixels.true, pixels.seen)],
    }


def _own_model(training: Training) -> tuple[dict[str, Any], int] | None:
    """The weights of models/foldN and its epochs, where it is this very training."""
    path = paths.model_file(training.data.fold)
    if (
        training.data.train_ids != read_fold(training.data.fold, training.params.train.limit_images).train_ids
        or not path.exists()
    ):
        return None
    segmenter, card = model_file.load(path)
    if card.fingerprint != training.card.fingerprint:
        return None
    print(f"trained before: {path}", flush=True)
    return segmenter.state_dict(), int(card.training["epochs"])


def _fitted(training: Training, folder: Path) -> tuple[dict[str, Any], int]:
    """Trains to the end, from the state in `folder` where there is one; the best epoch's weights, and how many epochs it took."""
    states = resume.SavedStates(folder, training.params.runtime.save_every)
    plan = validation_plan(training.params, training.data)
    pace = Pace(plan)
    progress = BatchProgress(pace, RunLog(folder.with_suffix(".jsonl")))
    saved = progress.showing(states.saver(training.scaler))
    run = replace(training.run, hooks=(epoch_line.hook(training.params.train.monitor, pace),), save_state=saved)
    with training.cache.opened(workspace.decoded_images()), translate_norm_errors():
        if states.restore(run, training.scaler):
            print(f"goes on at {run.progress.place}", flush=True)
        with stop_signals.listening() as request, translate_out_of_memory(training, run), progress:
            best = _stoppable(run, request, lambda current: states.save(current, training.scaler))
    states.forget()
    return best.weights, len(run.progress.history)


def _stoppable(run: loop.Run, request: stop_signals.StopRequest, save: Callable[[loop.Run], None]) -> loop.Best:
    try:
        return loop.fit(interruption.interruptible(run, request, save))
    except stop_signals.Stopped as stopped:
        print(f"stopped by {stopped.name}: the state is saved, and the same command goes on there", file=sys.stderr, flush=True)
        raise


def _read(file: Path) -> dict[str, Any] | None:
    """A point that was kept; None where there is none, or it is not whole."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return content if {"steps", "pixels"} <= content.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
