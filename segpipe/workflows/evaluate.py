"""Scores one fold's model on its validation part and on the test part."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch

from segpipe import decided, evaluation, paths
from segpipe.console.progress import track
from segpipe.console.tables import format_table
from segpipe.dataset import loader, pack
from segpipe.dataset.loader import WholeImage
from segpipe.dataset.split import folds
from segpipe.decided import Chosen
from segpipe.errors import PipelineError
from segpipe.evaluation import PartTotals, ScoredImage
from segpipe.inference import closer_look_file, scoring, snapshot_scores, tuning
from segpipe.inference.confidence_maps import ConfidenceMaps
from segpipe.losses import table as losses
from segpipe.losses.table import Classes
from segpipe.models.model_file import Card
from segpipe.params.stage_keys import EvaluateKeys
from segpipe.reproducibility import versions
from segpipe.scores.counts import CLASS_SCORES, class_scores, mean, scores
from segpipe.storage.files import sha256_of
from segpipe.tracking import mlflow_runs
from segpipe.training import device as devices
from segpipe.workflows.closer_look import look_closer
from segpipe.workflows.image_facts import image_facts
from segpipe.workflows.own_model import load_own_model

MEANS = {"iou": "miou"}
"""What the mean of a class score is called where it is not called the same."""


def evaluate(params: EvaluateKeys, fold: int) -> list[str]:
    """Predicts every validation and test image at its own resolution, writes data/eval/foldN; returns a line a part.

    The decision that params.yaml leaves open is chosen on the validation images before.

    Raises PipelineError where the model was trained on other data or folds than lie here.
    """
    versions.check()
    device = devices.select_device(params.runtime.device)
    devices.configure_determinism(params.threads, params.train.deterministic)
    data = pack.open_pack(paths.PREPARED)
    parts, groups = folds.read(paths.FOLDS), folds.read_groups(paths.FOLDS)
    segmenter, card = load_own_model(fold, data.info)
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    # With the class weights that the model was trained with, so that both losses compare.
    loss = losses.build(params.loss, Classes(card.has_background, tuple(card.training.get("class_weights", ()))))
    validation = folds.train_and_validation(parts, fold)[1]
    facts = image_facts(data.index.loc[[*validation, *folds.test(parts)]], groups, params.scores.unit)

    def read(ids: Sequence[str]) -> Iterable[WholeImage]:
        return loader.whole_image_loader(loader.WholeImages(data, ids), params.runtime.workers)

    model = tuning.Model(segmenter, params.infer, card.long_side, device, card.classes, card.has_background)
    chosen = _chosen(params, model, validation, read, {item: groups[item] for item in validation})
    scored: dict[str, Iterable[ScoredImage]] = {}
    noted = {part: ConfidenceMaps(card.has_background) for part in (evaluation.VAL, evaluation.TEST)}
    for part, ids in ((evaluation.VAL, validation), (evaluation.TEST, folds.test(parts))):
        found = scoring.score_images(
            segmenter, read(ids), len(card.classes), loss, params.infer, card.long_side, device, True, chosen.decision
        )
        # Predicted when they are asked for: all of a large set would fill the memory.
        scored[part] = noted[part].noting(track(found, f"{part} images", len(ids), after_s=1.0))
    folder = paths.eval_folder(fold)
    rules = params.scores
    totals = evaluation.write(folder, scored, card.classes, card.has_background, rules.tolerance, rules.unit, facts)
    decided.write(folder, chosen)
    # Of the part that the report speaks of.
    shown = noted[evaluation.TEST if totals[evaluation.TEST].images else evaluation.VAL]
    look, over_epochs = look_closer(segmenter, shown, data, fold, params.infer, card.long_side, device, chosen.decision)
    closer_look_file.write(paths.closer_look_file(fold), look)
    snapshot_scores.write(paths.snapshot_scores_file(fold), over_epochs)
    scored_model = sha256_of(paths.model_file(fold))
    evaluation.write_origin(folder, fold, card.fingerprint, card.training, scored_model, paths.history_file(fold))
    said = decided.sentence(chosen, card.classes)
    first = [f"decision: {said}"] if said else []
    return [*first, *_tracked(params.tracking.experiment, card, totals), *_class_table(card, totals)]


def _chosen(
    params: EvaluateKeys,
    model: tuning.Model,
    ids: Sequence[str],
    read: Callable[[Sequence[str]], Iterable[WholeImage]],
    groups: Mapping[str, str],
) -> Chosen:
    """Raises PipelineError for a rule that is not for so many classes, and where there is no image to choose by."""
    wanted = params.decision
    if wanted.rule == "threshold" and len(model.classes) > 2:
        raise PipelineError(
            f"decision.rule: threshold is for two classes, and here are {len(model.classes)}. Write argmax, dice or auto."
        )
    if tuning.is_open(wanted) and not ids:
        raise PipelineError("decision: auto and helpful go by validation images, and there are none. Write argmax and all.")
    with torch.inference_mode():
        return tuning.choose(wanted, model, lambda what: track(read(ids), what, len(ids), after_s=1.0), groups)


def _tracked(experiment: str, card: Card, totals: Mapping[str, PartTotals]) -> list[str]:
    """Logs the scores to the training's MLflow run; returns them in words, a line a part."""
    tracker = mlflow_runs.reopen(experiment, card.fingerprint)
    lines = []
    for part, total in totals.items():
        numbers = scores([total.counts], card.has_background) | {"dice_per_image": mean(total.dice)} if total.images else {}
        present = {name: value for name, value in numbers.items() if value is not None}
        tracker.metrics({f"{part}.{name}": value for name, value in present.items()})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in present.items())
        lines.append(f"{part}: {total.images} images{'; ' if shown else ''}{shown}")
    return lines


def _class_table(card: Card, totals: Mapping[str, PartTotals]) -> list[str]:
    """A row a class of the test part, or of the validation part where there is no test part, and their means."""
    part = evaluation.TEST if totals[evaluation.TEST].images else evaluation.VAL
    counts = totals[part].counts
    found, pixels = class_scores(counts), counts.sum(axis=1)
    rows = [[name, *(_cell(found[score][n]) for score in CLASS_SCORES), f"{pixels[n]:,}"] for n, name in enumerate(card.classes)]
    means = scores([counts], card.has_background)
    rows.append(["mean", *(_cell(means[MEANS.get(score, score)]) for score in CLASS_SCORES), f"{pixels.sum():,}"])
    accuracy = f"pixel accuracy {_cell(means['pixel_accuracy'])}"
    over = "; the mean IoU is over all classes, the other means are over those of objects" if card.has_background else ""
    return [format_table(rows, [f"{part} images", *CLASS_SCORES, "pixels"]), f"{accuracy}{over}"]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
