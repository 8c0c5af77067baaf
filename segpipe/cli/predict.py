"""segpipe predict: images in, class masks and overlays out, with a torch or an ONNX model."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segpipe import command
from segpipe.errors import DataError, PipelineError

if TYPE_CHECKING:
    from segpipe.annotations.items import Item
    from segpipe.inference.predict import Forward
    from segpipe.models.weights import Card

MODEL = Path("models/export/model.onnx")


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    model: Annotated[Path, typer.Option(help="A model.onnx or a model.safetensors of segpipe.")] = MODEL,
    out: Annotated[Path, typer.Option(help="Folder for the masks and overlays.")] = Path("predictions"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; an ONNX model runs on the CPU.")] = "auto",
) -> None:
    """Predicts images of any size and writes OUT/masks (class ids, with a palette) and OUT/overlays."""
    images = list(_images(inputs))
    if not images:
        raise PipelineError(f"no images in {', '.join(map(str, inputs))}. Name image files, or folders that hold some.")
    _refuse_same_names(images)

    from segpipe.progress import track

    forward, card, where = _model(model, device)
    problems: list[str] = []
    for item in track(images, "predicting"):
        try:
            _predict_one(item, out, forward, card, where)
        except DataError as problem:
            problems.append(str(problem))
        except OSError as error:
            problems.append(f"{item.source}: cannot be read: {error.strerror or error}.")
    if problems:
        written = len(images) - len(problems)
        raise PipelineError("\n".join([*problems, f"{len(problems)} images were left out; {written} are in {out}."]))
    command.done(f"{out}/masks and {out}/overlays, {len(images)} images", f"look at {out}/overlays")


def _images(inputs: Sequence[Path]) -> "Iterator[Item]":
    """Each image, each page of a file of several, by the name of its results: its stem, or its path in the folder named."""
    from segpipe.annotations.items import Found, Item, images_below
    from segpipe.annotations.pages import split_pages
    from segpipe.place import Place

    for path in inputs:
        if path.is_dir():
            named = [(image.relative_to(path).with_suffix("").as_posix(), image) for image in images_below(path)]
        elif path.is_file():
            named = [(path.stem, path)]
        else:
            raise PipelineError(f"{path}: no such file or folder.")
        for name, image in named:
            yield from split_pages(Found((Item(name, str(image), Place(image), None),), ())).items


def _refuse_same_names(images: "Sequence[Item]") -> None:
    """Two results of one name would leave one of them."""
    seen: dict[str, str] = {}
    for item in images:
        if item.id in seen:
            raise PipelineError(f"{seen[item.id]} and {item.source} would both be written as {item.id}.png. Predict them apart.")
        seen[item.id] = item.source


def _model(path: Path, wish: str) -> "tuple[Forward, Card, Any]":
    """The forward function, the model's card and the device it computes on, with the threads it was trained with."""
    import torch

    from segpipe.models import weights
    from segpipe.training import device as devices

    if path.suffix == ".onnx":
        from segpipe.inference import onnx_session

        forward, card = onnx_session.load(path)
        return forward, card, torch.device("cpu")
    segmenter, card = weights.load(path)
    device = devices.choose(wish)
    devices.settle(card.training["params"]["threads"], deterministic=True)
    return segmenter.to(memory_format=torch.channels_last).to(device), card, device


def _predict_one(item: "Item", out: Path, forward: "Forward", card: "Card", device: Any) -> None:
    """One image: its mask and its overlay. Raises DataError for an image that cannot be read or does not fit."""
    from segpipe import overlay
    from segpipe.files import write_bytes
    from segpipe.images import decode, encode_mask, with_channels
    from segpipe.inference.predict import predict_logits
    from segpipe.models.segmenter import classes_of
    from segpipe.palette import colours

    image = with_channels(decode(item.image.read(), item.source), card.channels)
    bits = 8 * image.dtype.itemsize
    if (image.shape[2], bits) != (card.channels, card.bits):
        problem = f"{image.shape[2]} channels of {bits} bits, but the model knows {card.channels} of {card.bits}"
        raise DataError(item.source, problem, "Bring it into the form of the training images.")
    classes = classes_of(predict_logits(forward, image, card.infer, card.long_side, device)).cpu().numpy()
    write_bytes(out / "masks" / f"{item.id}.png", encode_mask(classes))
    picture = overlay.overlay(overlay.displayed(image), classes, colours(len(card.classes)))
    write_bytes(out / "overlays" / f"{item.id}.png", overlay.encode_png(picture))
