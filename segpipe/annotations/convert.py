"""Any annotation to one canonical form, after every file was looked at: problems are told all at once."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations import labelme, masks, voc
from segpipe.annotations.doctor import refuse
from segpipe.annotations.items import Found, Item
from segpipe.errors import DataError, PipelineError
from segpipe.images import Pixels, decode, encode_mask
from segpipe.params import DataParams
from segpipe.progress import track
from segpipe.record import BACKGROUND_NAMES, IGNORE, DatasetInfo, Record

MaskReader = Callable[[Item, int, int], NDArray[np.uint8]]
FEW = 32
"""So few images are read in this process: starting others takes longer."""


PIECE = 2**22
"""Values that are summed at once."""


def convert(data: DataParams, sample_classes: Sequence[str]) -> tuple[list[Record], DatasetInfo]:
    """Reads and checks all images of `data.path`. Returns the records sorted by id, and what they share.

    Raises PipelineError that names every problem of the data set.
    """
    root = _existing(data)
    found, read_mask, classes = _format(data, root, sample_classes)
    if not found.items and not found.problems:
        raise PipelineError(f"{root}: no annotated images in it. data.source is {data.source}; does data.path fit it?")
    results = list(_examine_all(found.items, read_mask, len(classes)))
    records = [result for result in results if isinstance(result, Record)]
    problems = [result for result in results if isinstance(result, DataError)]
    refuse([*found.problems, *problems, *_shared_problems(records)])
    has_background = classes[0] in BACKGROUND_NAMES
    channels = max(record.channels for record in records)
    return records, DatasetInfo(tuple(classes), has_background, channels, records[0].bits, len(records))


def _existing(data: DataParams) -> Path:
    root = Path(data.path)
    if not root.exists():
        raise PipelineError(f"data.path: {root} does not exist. Run `segpipe init PATH` with the folder of your data.")
    return root


def _format(data: DataParams, root: Path, sample_classes: Sequence[str]) -> tuple[Found, MaskReader, Sequence[str]]:
    """What the source's format finds, how it reads a mask, and the names of its classes."""
    match data.source:
        case "sample":
            return labelme.find(root, "error"), partial(labelme.mask_of, classes=sample_classes), sample_classes
        case "labelme":
            names = data.labelme.classes
            return labelme.find(root, data.labelme.unannotated), partial(labelme.mask_of, classes=names), names
        case "voc":
            return voc.find(root), partial(voc.mask_of, classes=data.voc.classes), data.voc.classes
        case "masks":
            own = data.masks
            read = partial(masks.mask_of, classes=own.classes, ignore_index=own.ignore_index)
            return masks.find(root, own.image_dir, own.mask_dir, own.unannotated), read, own.classes


def _examine_all(items: Sequence[Item], read_mask: MaskReader, n_classes: int) -> Iterator[Record | DataError]:
    """Looks at every image, on all cores where there are many; the results come in the order of the items."""
    look = partial(_examine, read_mask=read_mask, n_classes=n_classes)
    if len(items) <= FEW:
        yield from track(map(look, items), "reading", len(items))
        return
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from track(pool.map(look, items, chunksize=8), "reading", len(items))


def _examine(item: Item, read_mask: MaskReader, n_classes: int) -> Record | DataError:
    """One image and its mask, checked and measured, or what is wrong with them."""
    try:
        content = item.image.read()
        image = decode(content, item.source)
        mask = read_mask(item, image.shape[1], image.shape[0])
    except DataError as problem:
        return problem
    except OSError as error:
        return DataError(item.source, f"could not be read ({error.strerror})", "Mend its rights, or copy it again.")
    mask_png = encode_mask(mask)
    counts = np.sum([np.bincount(rows.ravel(), minlength=256) for rows in np.array_split(mask, -(-mask.size // PIECE))], axis=0)
    sums, squares = _moments(image)
    return Record(
        id=item.id,
        source=item.source,
        suffix=Path(item.source).suffix.lower(),
        width=image.shape[1],
        height=image.shape[0],
        channels=image.shape[2],
        bits=8 * image.dtype.itemsize,
        image_sha256=hashlib.sha256(content).hexdigest(),
        mask_sha256=hashlib.sha256(mask_png).hexdigest(),
        given=item.given,
        pixels=tuple(int(count) for count in counts[:n_classes]),
        ignored=int(counts[IGNORE]),
        sums=sums,
        squares=squares,
        image=item.image,
        mask_png=mask_png,
    )


def _moments(image: Pixels) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Each channel's sum and sum of squares, some rows at a time: a large image eight times over would fill the memory."""
    totals = np.zeros((2, image.shape[2]), np.uint64)
    for rows in np.array_split(image, -(-image.size // PIECE)):
        values = rows.reshape(-1, image.shape[2]).astype(np.uint64)
        totals += np.stack([values.sum(axis=0), (values * values).sum(axis=0)])
    sums, squares = (tuple(map(int, row)) for row in totals)
    return sums, squares


def _shared_problems(records: Sequence[Record]) -> list[DataError]:
    """What no single image shows: different bit depths, and a data set without any object."""
    if not records:
        return []
    problems = []
    deep = [record for record in records if record.bits == 16]
    if 0 < len(deep) < len(records):
        problems += [
            DataError(record.source, "16 bits a channel where other images have 8", "Bring all images to one depth.")
            for record in deep
        ]
    if not any(sum(record.pixels[1:]) for record in records):
        ignored = sum(record.ignored for record in records) > 0
        remedy = (
            "Their other value is the ignored 255: save the object's pixels as 1."
            if ignored
            else "Annotate objects, or check that the masks hold class ids."
        )
        problems.append(DataError("all masks", "only class 0 in them, so there is nothing to learn", remedy))
    return problems
