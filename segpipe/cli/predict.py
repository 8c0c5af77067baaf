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
    from segpipe.models.segmenter import Segmenter
    from segpipe.models.weights import Card

MODEL = Path("models/export/model.onnx")


def predict(
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    model: Annotated[Path, typer.Option(help="A model.onnx or a model.safetensors of segpipe.")] = MODEL,
    out: Annotated[Path, typer.Option(help="Folder for the masks and overlays.")] = Path("predictions"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; an ONNX model runs on the CPU.")] = "auto",
    attention: Annotated[bool, typer.Option("--attention", help="Write OUT/attention too: where the model looks.")] = False,
) -> None:
    """Predicts images of any size and writes OUT/masks (class ids, with a palette) and OUT/overlays."""
    images = list(_images(inputs))
    if not images:
        raise PipelineError(f"no images in {', '.join(map(str, inputs))}. Name image files, or folders that hold some.")
    _refuse_same_names(images)

    from segpipe.progress import track

    forward, card, where, looks = _model(model, device, attention)
    problems: list[str] = []
    for item in track(images, "predicting"):
        try:
            _predict_one(item, out, forward, card, where, looks)
        except DataError as problem:
            problems.append(str(problem))
        except OSError as error:
            problems.append(f"{item.source}: cannot be read: {error.strerror or error}.")
    if problems:
        written = len(images) - len(problems)
        raise PipelineError("\n".join([*problems, f"{len(problems)} images were left out; {written} are in {out}."]))
    folders = f"{out}/masks, {out}/overlays and {out}/attention" if attention else f"{out}/masks and {out}/overlays"
    command.done(f"{folders}, {len(images)} images", f"look at {out}/{'attention' if attention else 'overlays'}")


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


def _model(path: Path, wish: str, attention: bool) -> "tuple[Forward, Card, Any, Segmenter | None]":
    """The forward function, the model's card, the device it computes on, and with `attention` the model to ask for it.

    It computes with the threads it was trained with. Raises PipelineError for a model that has no attention to show.
    """
    if attention and path.suffix == ".onnx":
        raise PipelineError(
            f"--attention: {path} gives logits alone. Name the torch model: --model models/fold0/model.safetensors."
        )
    import torch

    from segpipe.models import weights
    from segpipe.training import device as devices

    if path.suffix == ".onnx":
        from segpipe.inference import onnx_session

        forward, card = onnx_session.load(path)
        return forward, card, torch.device("cpu"), None
    segmenter, card = weights.load(path)
    if attention:
        _require_attention(segmenter, card)
    device = devices.choose(wish)
    devices.settle(card.training["params"]["threads"], deterministic=True)
    segmenter = segmenter.to(memory_format=torch.channels_last).to(device)
    return segmenter, card, device, segmenter if attention else None


def _require_attention(segmenter: "Segmenter", card: "Card") -> None:
    from segpipe.models.attention_maps import has_attention

    if not has_attention(segmenter):
        raise PipelineError(
            f"--attention: a {card.model.name} has no attention maps. "
            "Train one that has some: model.name attention_unet, attention_r2unet, pretrained_attention_r2unet or sa_unet."
        )


def _predict_one(item: "Item", out: Path, forward: "Forward", card: "Card", device: Any, looks: "Segmenter | None") -> None:
    """One image: its mask, its overlay, and where `looks` looks. Raises DataError for one that cannot be read or does not fit."""
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
    if looks:
        from segpipe.inference.attention import predict_attention
        from segpipe.inference.heat_maps import heat_maps

        levels = predict_attention(looks, image, card.infer, card.long_side, device)
        write_bytes(out / "attention" / f"{item.id}.png", overlay.encode_png(heat_maps(overlay.displayed(image), levels)))
