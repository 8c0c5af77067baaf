"""What a fold is trained and validated on, and what a person should know of these images before the training starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from segpipe import paths
from segpipe.dataset.pack import Pack, open_pack, pixel_columns
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.images.resize import shrunk_size
from segpipe.params.schema import InputParams
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.storage.files import sha256_of

SHOWN = 3


@dataclass(frozen=True)
class TrainingData:
    """A fold of a data set: the ids of its training images, and of those it validates on.

    `data_hash` and `folds_hash`, of data/prepared and of the file of folds, are part of a training's fingerprint.
    """

    fold: int
    pack: Pack
    train_ids: list[str]
    validation_ids: list[str]
    data_hash: str
    folds_hash: str


def read_fold(fold: int, limit_images: int = 0) -> TrainingData:
    """The fold as data/prepared and data/folds have it, the first `limit_images` of each part where that is not 0.

    Raises PipelineError for a fold that does not exist, or whose training images are ignored wholly, every one.
    """
    pack, parts = open_pack(paths.PREPARED), folds.read(paths.FOLDS)
    folds.check(parts, (fold,))
    train_ids, validation_ids = folds.train_and_validation(parts, fold)
    # [:None] takes all.
    limit = limit_images or None
    hashes = data_hash(paths.PREPARED), sha256_of(paths.FOLDS)
    data = TrainingData(fold, pack, train_ids[:limit], validation_ids[:limit], *hashes)
    if wholly_ignored(pack, data.train_ids) == data.train_ids:
        raise PipelineError(
            f"fold {fold}: every pixel of every training image is ignored, so there is nothing to learn. "
            "Look at data/doctor/contact_sheet.png, and mend the masks or what params.yaml says of them."
        )
    return data


def wholly_ignored(pack: Pack, ids: Sequence[str]) -> list[str]:
    """Those of the images that have no pixel which is not ignored."""
    counted = pack.index.loc[list(ids), pixel_columns(pack.info)].sum(axis="columns") > 0
    return [item for item in ids if not counted[item]]


def image_warnings(data: TrainingData, sizes: InputParams) -> list[str]:
    """Warnings of images smaller than the crop, and of those that are ignored wholly with what follows from it."""
    found = []
    if small := _smaller_than_crop(data, sizes):
        found.append(f"{small} of them are smaller than input.crop ({sizes.crop} pixels) and get padded; lower it")
    of_validation = "they are in no score"
    if wholly_ignored(data.pack, data.validation_ids) == data.validation_ids:
        of_validation = "no epoch is better than another, and the weights of the last are kept"
    parts = (("training", data.train_ids, "they change no weight"), ("validation", data.validation_ids, of_validation))
    for part, ids, effect in parts:
        if ignored := wholly_ignored(data.pack, ids):
            listed = ", ".join(ignored[:SHOWN]) + (", ..." if len(ignored) > SHOWN else "")
            found.append(f"every pixel is ignored in {len(ignored)} of the {len(ids)} {part} images ({listed}): {effect}")
    return found


def _smaller_than_crop(data: TrainingData, sizes: InputParams) -> int:
    """How many training images have a side below the crop, after the size rule."""
    rows = data.pack.index.loc[data.train_ids, ["height", "width"]].itertuples(index=False)
    return sum(min(shrunk_size(height, width, sizes.long_side)) < sizes.crop for height, width in rows)
