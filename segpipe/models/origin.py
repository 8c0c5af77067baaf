"""Whether a model belongs to the data that lies here: its classes, its kind of images, and the very data and folds."""

from itertools import zip_longest
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.models.model_file import Card
from segpipe.record import DatasetInfo

MOST_NAMES = 12
"""Longer lists of classes are described by the first name that differs."""


def image_kind(channels: int, bits: int) -> str:
    """A kind of images in words: `gray 16-bit`, `RGB 8-bit`, `5-channel 8-bit`."""
    return f"{ {1: 'gray', 3: 'RGB'}.get(channels, f'{channels}-channel') } {bits}-bit"


def require_same_data(path: Path, card: Card, info: DatasetInfo, data: str, folds: str, fold: int) -> None:
    """Raises PipelineError where the model `path` was trained on something else than lies here.

    `data` and `folds` are the hashes of data/prepared and folds.csv as a card holds them, `fold` the one it should be of.
    """
    reasons = differences(card, info)
    # One reason is enough: what is compared later mostly follows from what is compared first.
    if not reasons and card.training.get("data", data) != data:
        reasons.append(f"data of the hash {card.training['data'][:12]} there, {data[:12]} here, of the same classes")
    if not reasons and card.training.get("folds", folds) != folds:
        reasons.append(f"folds of the hash {card.training['folds'][:12]} there, {folds[:12]} here")
    if not reasons and card.fold != fold:
        reasons.append(f"fold {card.fold} there, fold {fold} here, whose images it may have been trained on")
    if reasons:
        raise PipelineError(
            f"{path.as_posix()} was trained on something else than lies in data/prepared and data/folds: {'; '.join(reasons)}. "
            "Run `dvc repro train`."
        )


def differences(card: Card, info: DatasetInfo) -> list[str]:
    """What a model knows otherwise than the data set has it, in words: there is the model's, here the data's."""
    found = []
    if card.classes != info.classes:
        found.append(_classes(card.classes, info.classes))
    elif card.has_background != info.has_background:
        kinds = {True: "background", False: "an object"}
        found.append(f"{card.classes[0]} is {kinds[card.has_background]} there, {kinds[info.has_background]} here")
    there, here = image_kind(card.channels, card.bits), image_kind(info.channels, info.bits)
    if there != here:
        found.append(f"{there} images there, {here} ones here")
    return found


def _classes(there: tuple[str, ...], here: tuple[str, ...]) -> str:
    if max(len(there), len(here)) <= MOST_NAMES:
        return f"the classes {', '.join(there)} there, {', '.join(here)} here"
    pairs = enumerate(zip_longest(there, here, fillvalue="missing"))
    number, (one, other) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    return f"{len(there)} classes there, {len(here)} here, of which number {number} is {one} there, {other} here"
