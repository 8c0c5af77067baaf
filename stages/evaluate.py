"""Stage evaluate: scores one fold's model on its validation part and on the test part."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segpipe.console import command
from segpipe.params.load import load_params

if TYPE_CHECKING:
    from segpipe.evaluation import Scored
    from segpipe.models.model_file import Card
    from segpipe.models.segmenter import Segmenter
    from segpipe.record import DatasetInfo

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")


def main(fold: Annotated[int, typer.Option(help="Which fold's model to score, 0 or more.")]) -> None:
    """Predicts every validation and test image at its own resolution; writes data/eval/foldN."""
    every = load_params()

    import torch

    from segpipe import evaluation, tracking
    from segpipe.dataset import loader, pack
    from segpipe.dataset.split import folds
    from segpipe.inference import scoring
    from segpipe.losses import table as losses
    from segpipe.losses.table import Classes
    from segpipe.reproducibility import versions
    from segpipe.scores import scores
    from segpipe.training import device as devices

    versions.check()
    device = devices.choose(every.runtime.device)
    devices.settle(every.threads, every.train.deterministic)
    data = pack.open_pack(PREPARED)
    parts = folds.read(FOLDS)
    segmenter, card = _model(fold, data.info)
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    loss = losses.build(every.loss, Classes(card.has_background, tuple(card.training.get("class_weights", ()))))
    found: dict[str, list[Scored]] = {}
    for part, ids in (("val", folds.train_and_validation(parts, fold)[1]), ("test", folds.test(parts))):
        images = loader.whole_image_loader(loader.WholeImages(data, ids), every.runtime.workers)
        found[part] = list(scoring.score_images(segmenter, images, len(card.classes), loss, every.infer, card.long_side, device))
    folder = Path(f"data/eval/fold{fold}")
    evaluation.write(folder, found, card.classes, card.has_background)
    evaluation.write_origin(folder, fold, card.fingerprint, card.training, Path(f"models/fold{fold}/history.csv"))
    tracker = tracking.again(every.tracking.experiment, card.fingerprint)
    for part, scored in found.items():
        numbers = scores([each.counts for each in scored], card.has_background) if scored else {}
        there = {f"{part}.{name}": value for name, value in numbers.items() if value is not None}
        tracker.metrics(there)
        shown = ", ".join(f"{name.removeprefix(part + '.')} {value:.4f}" for name, value in there.items())
        print(f"{part}: {len(scored)} images{'; ' if shown else ''}{shown}")
    command.done(folder.as_posix(), "dvc repro report")


def _model(fold: int, info: "DatasetInfo") -> "tuple[Segmenter, Card]":
    """The fold's model. Raises PipelineError where it is none, or was trained on other data or folds than lie here."""
    from segpipe.models import model_file, origin
    from segpipe.reproducibility.fingerprint import data_hash
    from segpipe.storage.files import sha256_of

    path = Path(f"models/fold{fold}/model.safetensors")
    segmenter, card = model_file.load(path)
    origin.require_same_data(path, card, info, data_hash(PREPARED), sha256_of(FOLDS), fold)
    return segmenter, card


if __name__ == "__main__":
    command.run(main)
