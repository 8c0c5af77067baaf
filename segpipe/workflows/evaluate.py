"""Scores one fold's model on its validation part and on the test part."""

from collections.abc import Sequence

import torch

from segpipe import evaluation, paths
from segpipe.dataset import loader, pack
from segpipe.dataset.split import folds
from segpipe.evaluation import ScoredImage
from segpipe.inference import scoring
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.model_file import Card
from segpipe.params.stage_keys import EvaluateKeys
from segpipe.reproducibility import versions
from segpipe.scores.counts import scores
from segpipe.tracking import mlflow_runs
from segpipe.training import device as devices
from segpipe.workflows.own_model import load_own_model


def evaluate(params: EvaluateKeys, fold: int) -> list[str]:
    """Predicts every validation and test image at its own resolution, writes data/eval/foldN; returns a line a part.

    Raises PipelineError where the model was trained on other data or folds than lie here.
    """
    versions.check()
    device = devices.select_device(params.runtime.device)
    devices.configure_determinism(params.threads, params.train.deterministic)
    data = pack.open_pack(paths.PREPARED)
    parts = folds.read(paths.FOLDS)
    segmenter, card = load_own_model(fold, data.info)
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    # With the class weights that the model was trained with, so that both losses compare.
    loss = losses.build(params.loss, Classes(card.has_background, tuple(card.training.get("class_weights", ()))))
    found: dict[str, Sequence[ScoredImage]] = {}
    for part, ids in ((evaluation.VAL, folds.train_and_validation(parts, fold)[1]), (evaluation.TEST, folds.test(parts))):
        images = loader.whole_image_loader(loader.WholeImages(data, ids), params.runtime.workers)
        scored = scoring.score_images(segmenter, images, len(card.classes), loss, params.infer, card.long_side, device)
        found[part] = list(scored)
    folder = paths.eval_folder(fold)
    evaluation.write(folder, found, card.classes, card.has_background)
    evaluation.write_origin(folder, fold, card.fingerprint, card.training, paths.history_file(fold))
    return _tracked(params.tracking.experiment, card, found)


def _tracked(experiment: str, card: Card, found: dict[str, Sequence[ScoredImage]]) -> list[str]:
    """Logs the scores to the training's MLflow run; returns them in words, a line a part."""
    tracker = mlflow_runs.reopen(experiment, card.fingerprint)
    lines = []
    for part, scored in found.items():
        numbers = scores([each.counts for each in scored], card.has_background) if scored else {}
        present = {name: value for name, value in numbers.items() if value is not None}
        tracker.metrics({f"{part}.{name}": value for name, value in present.items()})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in present.items())
        lines.append(f"{part}: {len(scored)} images{'; ' if shown else ''}{shown}")
    return lines
