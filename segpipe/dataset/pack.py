"""data/prepared: images and masks in a few stored zips, a table with a row an image, and what all share."""

import hashlib
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from segpipe.console.progress import track
from segpipe.errors import PipelineError, plain
from segpipe.images.decode import Pixels, decode_image, decode_mask, with_channels
from segpipe.record import DatasetInfo, Record
from segpipe.storage import zips
from segpipe.storage.byte_source import FileRange
from segpipe.storage.csv_table import csv_text, unguarded
from segpipe.storage.files import write_json, write_text

MOST_SHARDS = 64
FEW_IMAGES = 16
"""Each image goes to a shard by its id's hash, so that a new image changes one shard and no other. DVC looks at every
file each time, so small data sets get fewer: as many as keep a shard near FEW_IMAGES, always a power of two."""


@dataclass(frozen=True)
class Pack:
    """data/prepared opened for reading: `index` has a row an image and `id` as its index. Processes may share it.

    `images` and `masks` say by id where the bytes lie, and `sha256` has the hash of each image and of its mask. `suffixes` are
    those of the images by their bytes: the `source` of an image inside a JSON file ends in .json.
    """

    info: DatasetInfo
    index: pd.DataFrame
    images: dict[str, FileRange]
    suffixes: dict[str, str]
    masks: dict[str, FileRange]
    sha256: dict[str, tuple[str, str]]

    def image(self, item_id: str) -> Pixels:
        """The image as (H, W, C), with as many channels as the data set has. Raises PipelineError where a bit of it changed."""
        image = decode_image(_whole(self.images[item_id], self.sha256[item_id][0], item_id), item_id)
        return with_channels(image, self.info.channels)

    def mask(self, item_id: str) -> NDArray[np.uint8]:
        """The mask as (H, W) class ids, 255 ignored. Raises PipelineError where a bit of it changed."""
        return decode_mask(_whole(self.masks[item_id], self.sha256[item_id][1], item_id), item_id).astype(np.uint8)


def write(folder: Path, records: Sequence[Record], info: DatasetInfo) -> None:
    """Writes the whole folder; the same records give the same bytes."""
    shards: dict[int, list[Record]] = defaultdict(list)
    count = n_shards(len(records))
    for record in sorted(records, key=lambda record: record.id):
        # `count` is a power of two up to 64, so that one byte of the hash spreads the images evenly.
        shards[hashlib.sha256(record.id.encode("utf-8")).digest()[0] % count].append(record)
    for number, members in track(sorted(shards.items()), "packing"):
        images = ((f"{record.id}{record.suffix}", record.image.read()) for record in members)
        zips.write_zip(folder / f"images-{number:02d}.zip", images)
        zips.write_zip(folder / f"masks-{number:02d}.zip", ((f"{record.id}.png", record.mask_png.read()) for record in members))
    write_text(folder / "index.csv", _table(records, info))
    write_json(folder / "dataset.json", asdict(info))


def n_shards(images: int) -> int:
    """The smallest power of two that leaves about FEW_IMAGES images a shard, MOST_SHARDS at most."""
    wanted = -(-images // FEW_IMAGES)
    return min(MOST_SHARDS, 2 ** (wanted - 1).bit_length()) if wanted > 1 else 1


def open_pack(folder: Path) -> Pack:
    """Opens data/prepared. Raises PipelineError where it is not there or not whole."""
    info = read_info(folder)
    index = read_index(folder)
    try:
        images, suffixes = _places(folder, "images")
        masks, _ = _places(folder, "masks")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _not_whole(folder, error) from None
    if not set(index.index) == set(images) == set(masks):
        raise PipelineError(f"{folder}: its zips and index.csv name other images. Run `dvc repro --force convert`.")
    hashes = zip(index["image_sha256"], index["mask_sha256"], strict=True)
    return Pack(info, index, images, suffixes, masks, dict(zip(index.index, hashes, strict=True)))


def read_info(folder: Path) -> DatasetInfo:
    """dataset.json. Raises PipelineError where it is not there, or another program's."""
    try:
        info = TypeAdapter(DatasetInfo).validate_json((folder / "dataset.json").read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise _not_whole(folder, f"dataset.json: {'.'.join(map(str, first['loc']))} {first['msg']}") from None
    except OSError as error:
        raise _not_whole(folder, error) from None
    if any(plain(name) != name for name in info.classes):
        raise _not_whole(folder, "dataset.json: a class name holds control characters")
    return info


def read_index(folder: Path) -> pd.DataFrame:
    """index.csv with `id` as the index; ids and names stay text, whatever they look like, and all else is whole numbers.

    Raises PipelineError where it is not there, or another program's.
    """
    text = dict.fromkeys(("image_sha256", "mask_sha256", "given"), str)
    named = dict.fromkeys(("id", "source", "group", "twin"), unguarded)
    try:
        # keep_default_na=False: an image may be called NA or null, which pandas would take for a missing value.
        table = pd.read_csv(folder / "index.csv", dtype=text, converters=named, keep_default_na=False).set_index("id")  # type: ignore[arg-type]
        numbers = table.drop(columns=["source", "group", "twin", *text])
        odd = [name for name in numbers if len(table) and not pd.api.types.is_integer_dtype(numbers[name])]
    except (OSError, ValueError, KeyError) as error:
        raise _not_whole(folder, error) from None
    if odd:
        raise _not_whole(folder, f"index.csv: the column {plain(str(odd[0]))} holds more than whole numbers")
    return table


def pixel_columns(info: DatasetInfo) -> list[str]:
    """The names of the columns of index.csv that count each class's pixels."""
    return [f"pixels_{number}" for number in range(len(info.classes))]


def channel_sums(index: pd.DataFrame, info: DatasetInfo) -> list[tuple[int, int, int]]:
    """Each channel's sum of values and of their squares over all pixels of these images, and how many pixels that is.

    Exact integers, so neither the order of the images nor where they are added up matters.
    """
    pixels = int((index["width"] * index["height"]).sum())
    found = []
    for channel in range(info.channels):
        # A gray image among RGB ones is repeated, so its one channel counts for each.
        own = np.minimum(channel, index["channels"].to_numpy() - 1)
        found.append((_total(index, "sum", own), _total(index, "square", own), pixels))
    return found


def mean_and_deviation(channels: Sequence[tuple[int, int, int]], bits: int) -> tuple[list[float], list[float]]:
    """Each channel's mean and standard deviation from its sums, as shares of the largest value; 1 where a channel is flat."""
    largest = 2**bits - 1
    mean, deviation = [], []
    for sums, squares, pixels in channels:
        # Python's integers are exact, and their quotient is rounded once.
        centre = sums / pixels
        # Rounding can bring a flat channel's variance a little below 0.
        spread = max(squares / pixels - centre * centre, 0.0) ** 0.5
        mean.append(centre / largest)
        deviation.append(spread / largest if spread else 1.0)
    return mean, deviation


def _total(index: pd.DataFrame, kind: str, own: NDArray[np.int64]) -> int:
    # In Python's integers: squares of 16-bit values would overflow 64 bits beyond 2^31 pixels.
    return sum(int(index[f"{kind}_{channel}"].iloc[row]) for row, channel in enumerate(own))


def _whole(place: FileRange, sha256: str, item_id: str) -> bytes:
    """The bytes, which are those that convert wrote: hashing costs a hundredth of decoding."""
    content = place.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise PipelineError(
            f"{place.file}: {item_id} is not what convert wrote; the file was changed or is damaged. "
            "Bring it back with `dvc checkout`, or run `dvc repro --force convert`."
        )
    return content


def _table(records: Sequence[Record], info: DatasetInfo) -> str:
    channels = [f"{kind}_{channel}" for kind in ("sum", "square", "low", "high") for channel in range(info.channels)]
    sizes = ["width", "height", "channels", "bits", "spacing_x", "spacing_y"]
    head = ["id", "source", *sizes, "image_sha256", "mask_sha256", "group", "twin", "given"]
    ordered = sorted(records, key=lambda record: record.id)
    return csv_text([*head, "ignored", *pixel_columns(info), *channels], (_row(record, info) for record in ordered))


def _row(record: Record, info: DatasetInfo) -> list[object]:
    sizes = [record.width, record.height, record.channels, record.bits, *record.spacing]
    names = [record.image_sha256, record.mask_sha256, record.group, record.twin, record.given, record.ignored]
    # A gray image among RGB ones lacks the other channels' columns; `channel_sums` never reads these zeros.
    padding = [0] * (info.channels - record.channels)
    sums = [value for own in (record.sums, record.squares, record.low, record.high) for value in (*own, *padding)]
    return [record.id, record.source, *sizes, *names, *record.pixels, *sums]


def _not_whole(folder: Path, reason: object) -> PipelineError:
    return PipelineError(f"{folder}: not whole ({reason}). Run `dvc repro convert`.")


def _places(folder: Path, kind: str) -> tuple[dict[str, FileRange], dict[str, str]]:
    """Where each image's or mask's bytes lie, and the suffix of its name, by id."""
    files = {name: place for path in sorted(folder.glob(f"{kind}-*.zip")) for name, place in zips.entries(path).items()}
    # Only the last dot begins the suffix: an id may hold others.
    ids = {name: name.rsplit(".", 1)[0] for name in files}
    return {ids[name]: place for name, place in files.items()}, {ids[name]: PurePosixPath(name).suffix for name in files}
