"""segpipe prune: what a trained U-Net++ costs and scores at each depth, and the file of a smaller one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segpipe.console import command
from segpipe.console.tables import format_table
from segpipe.errors import PipelineError

if TYPE_CHECKING:
    from segpipe.models.model_file import Card
    from segpipe.models.segmenter import Segmenter

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
COLUMNS = ("depth", "parameters", "multiply-adds", "ms", "dice", "miou")


def prune(
    model: Annotated[Path, typer.Argument(help="A model.safetensors of a unetpp with deep supervision.", show_default=False)],
    depth: Annotated[int | None, typer.Option(help="Write the model of this depth; without it a table of all is shown.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --depth: the new file.")] = None,
    size: Annotated[int, typer.Option(min=1, max=8192, help="Pixels, side of the square image that is counted and timed.")] = 256,
) -> None:
    """Cuts a trained U-Net++ down to one of its smaller depths, without training (Zhou et al. 2018, figure 1c).

    Shows each depth's cost, and its score on the fold's validation part where the project's data is there. With --depth and
    --out writes that depth as a model of its own.
    """
    if (depth is None) != (out is None):
        raise PipelineError("--depth and --out belong together: which depth to write, and to which file.")
    if out and out.resolve() == model.resolve():
        raise PipelineError(f"--out {out}: is the model itself, which would be lost. Name another file.")

    if model.suffix == ".onnx":
        raise PipelineError(f"{model}: an ONNX model cannot be pruned. Name the model.safetensors that it was exported from.")

    from segpipe.models import model_file, pruning
    from segpipe.training import device

    segmenter, card = model_file.load(model)
    device.settle(card.training["params"]["threads"], deterministic=True)
    pruning.require_prunable(card.model)
    if depth is None or out is None:
        _show(segmenter, card, size)
        command.done(f"{card.model.depth} depths", f"segpipe prune {model} --depth DEPTH --out FILE")
        return
    model_file.save(out, *pruning.pruned(segmenter, card, depth))
    command.done(f"{out} (depth {depth} of {card.model.depth})", f"segpipe predict IMAGE --model {out}")


def _show(segmenter: "Segmenter", card: "Card", size: int) -> None:
    """Prints the table; first the whole model where it predicts by all its heads, then what each depth's last head does."""
    from segpipe.models import pruning

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


def _costs(segmenter: "Segmenter", card: "Card", size: int) -> list[str]:
    """Parameters, multiply-adds and milliseconds of one image."""
    import torch

    from segpipe.diagnostics import cost

    shape = (card.channels, size, size)
    seconds = cost.forward_seconds(segmenter, shape, torch.device("cpu"))
    return [f"{cost.n_parameters(segmenter):,}", f"{cost.multiply_adds(segmenter, shape):,}", f"{1000 * seconds:.1f}"]


def _no_scores(card: "Card") -> str:
    """Why there are no scores; empty where there can be some."""
    from segpipe.reproducibility.fingerprint import data_hash
    from segpipe.storage.files import sha256_of

    if not (PREPARED / "index.csv").is_file() or not FOLDS.is_file():
        return f"no scores, since {PREPARED} and {FOLDS.parent} are not here: run this in the project's folder"
    if (data_hash(PREPARED), sha256_of(FOLDS)) != (card.training.get("data"), card.training.get("folds")):
        return f"no scores, since {PREPARED} or {FOLDS.parent} is no longer what the model was trained on: `dvc checkout`"
    return ""


def _validation(card: "Card") -> str:
    return f"scores of the {len(_ids(card))} validation images of fold {card.fold}"


def _ids(card: "Card") -> list[str]:
    from segpipe.dataset.split import folds

    return folds.train_and_validation(folds.read(FOLDS), card.fold)[1]


def _scores(segmenter: "Segmenter", card: "Card") -> list[str]:
    """Dice and mIoU over the fold's validation part, as training and evaluate score it."""
    import torch

    from segpipe.console.progress import track
    from segpipe.dataset import loader, pack
    from segpipe.inference import scoring
    from segpipe.scores import scores

    images = loader.whole_image_loader(loader.WholeImages(pack.open_pack(PREPARED), _ids(card)), 0)
    found = scoring.score_images(
        segmenter,
        track(images, "scoring"),
        len(card.classes),
        lambda logits, target: {},
        card.infer,
        card.long_side,
        torch.device("cpu"),
    )
    numbers = scores([each.counts for each in found], card.has_background)
    return ["none" if value is None else f"{value:.4f}" for value in (numbers["dice"], numbers["miou"])]
