"""What a trained U-Net++ costs and scores at each depth, and the file of a smaller one (Zhou et al. 2018, figure 1c)."""

from pathlib import Path

import torch

from segpipe import paths
from segpipe.console.progress import track
from segpipe.console.tables import format_table
from segpipe.dataset import loader, pack
from segpipe.dataset.split import folds
from segpipe.diagnostics import cost
from segpipe.inference import scoring
from segpipe.models import model_file, pruning
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.scores.counts import scores
from segpipe.storage.files import sha256_of
from segpipe.training import device

COLUMNS = ("depth", "parameters", "multiply-adds", "ms", "dice", "miou")


def prune(model: Path, depth: int | None, out: Path | None, size: int) -> tuple[str, str]:
    """Writes the model of `depth` to `out`, or prints a table of all depths; returns what there is now, and what to run next.

    `size` in pixels is the side of the square image that is counted and timed. Raises PipelineError for what cannot be pruned.
    """
    segmenter, card = model_file.load(model)
    device.configure_determinism(card.training["params"]["threads"], deterministic=True)
    pruning.require_prunable(card.model)
    if depth is None or out is None:
        _show(segmenter, card, size)
        return f"{card.model.depth} depths", f"segpipe prune {model} --depth DEPTH --out FILE"
    model_file.save(out, *pruning.pruned(segmenter, card, depth))
    return f"{out} (depth {depth} of {card.model.depth})", f"segpipe predict IMAGE --model {out}"


def _show(segmenter: Segmenter, card: Card, size: int) -> None:
    """Prints the table; first the whole model where it predicts by all its heads, then what each depth's last head does."""
    whole = card.model.depth
    shown = [(str(depth), pruning.pruned(segmenter, card, depth)[0]) for depth in range(1, whole + 1)]
    if card.model.deep_supervision == "mean":
        shown.append((f"{whole}, mean", segmenter))
    missing = _no_scores(card)
    print(
        f"multiply-adds and milliseconds of one image of {size} x {size} pixels on the CPU; {missing or _validation(card)}",
        flush=True,
    )
    rows = [[name, *_costs(each, card, size), *([] if missing else _scores(each, card))] for name, each in shown]
    print(format_table(rows, COLUMNS[: 4 if missing else 6]))


def _costs(segmenter: Segmenter, card: Card, size: int) -> list[str]:
    """Parameters, multiply-adds and milliseconds of one image."""
    shape = (card.channels, size, size)
    seconds = cost.forward_seconds(segmenter, shape, torch.device("cpu"))
    return [f"{cost.n_parameters(segmenter):,}", f"{cost.multiply_adds(segmenter, shape):,}", f"{1000 * seconds:.1f}"]


def _no_scores(card: Card) -> str:
    """Why there are no scores; empty where there can be some."""
    if not (paths.PREPARED / "index.csv").is_file() or not paths.FOLDS.is_file():
        return f"no scores, since {paths.PREPARED} and {paths.FOLDS.parent} are not here: run this in the project's folder"
    if (data_hash(paths.PREPARED), sha256_of(paths.FOLDS)) != (card.training.get("data"), card.training.get("folds")):
        changed = f"{paths.PREPARED} or {paths.FOLDS.parent}"
        return f"no scores, since {changed} is no longer what the model was trained on: `dvc checkout`"
    return ""


def _validation(card: Card) -> str:
    return f"scores of the {len(_ids(card))} validation images of fold {card.fold}"


def _ids(card: Card) -> list[str]:
    return folds.train_and_validation(folds.read(paths.FOLDS), card.fold)[1]


def _scores(segmenter: Segmenter, card: Card) -> list[str]:
    """Dice and mIoU over the fold's validation part, as training and evaluate score it."""
    images = loader.whole_image_loader(loader.WholeImages(pack.open_pack(paths.PREPARED), _ids(card)), 0)
    found = scoring.score_images(
        segmenter,
        track(images, "scoring"),
        len(card.classes),
        # No loss: the table shows dice and miou alone.
        lambda logits, target: {},
        card.infer,
        card.long_side,
        torch.device("cpu"),
    )
    numbers = scores([each.counts for each in found], card.has_background)
    return ["none" if value is None else f"{value:.4f}" for value in (numbers["dice"], numbers["miou"])]
