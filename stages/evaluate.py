"""Stage evaluate: scores one fold's model on its validation part and on the test part."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segpipe import command, params

if TYPE_CHECKING:
    from segpipe.inference.scoring import Scored
    from segpipe.models.segmenter import Segmenter
    from segpipe.models.weights import Card
    from segpipe.record import DatasetInfo

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")


def main(fold: Annotated[int, typer.Option(help="Which fold's model to score, 0 or more.")]) -> None:
    """Predicts every validation and test image at its own resolution; writes data/eval/foldN."""
    every = params.load()

    import torch

    from segpipe import tracking, versions
    from segpipe.dataset import folds, loader, pack
    from segpipe.files import write_json
    from segpipe.inference import results, scoring
    from segpipe.losses import table as losses
    from segpipe.losses.table import Classes
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
    results.write(folder, found, card.classes, card.has_background)
    write_json(folder / "run.json", {"fingerprint": card.fingerprint, "fold": fold} | card.training)
    results.copy_history(Path(f"models/fold{fold}/history.csv"), folder)
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
    from segpipe.files import sha256_of
    from segpipe.fingerprint import data_hash
    from segpipe.models import origin, weights

    path = Path(f"models/fold{fold}/model.safetensors")
    segmenter, card = weights.load(path)
    origin.require_same_data(path, card, info, data_hash(PREPARED), sha256_of(FOLDS), fold)
    return segmenter, card


if __name__ == "__main__":
    command.run(main)
