"""What `segpipe predict` writes of an image: which files, by the kinds that it was asked for, and what is in each."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segpipe.annotations.items import Item
from segpipe.errors import DataError
from segpipe.images import encode, overlay, tiff_encode, tiff_place
from segpipe.images.decode import pixel_size
from segpipe.images.palette import colours
from segpipe.images.rows import Rows
from segpipe.images.tiff_directory import RawFields
from segpipe.images.world_file import world_file
from segpipe.inference.areas import areas
from segpipe.inference.attention import predict_attention
from segpipe.inference.heat_maps import heat_maps
from segpipe.inference.labelme_file import labelme_json, require_opens
from segpipe.inference.predict import predict_ids
from segpipe.inference.probability_planes import Planes
from segpipe.inference.written import Written
from segpipe.models.segmenter import Segmenter
from segpipe.storage.byte_source import FileRange
from segpipe.storage.csv_table import csv_text
from segpipe.workflows.predictor import Predictor

SUFFIXES = {"masks": ".png", "overlays": ".png", "probabilities": ".tif", "labelme": ".json", "attention": ".png"}
"""Of the files of an image, each kind in a folder of its name."""
KINDS = (*SUFFIXES, "areas")
USUAL = ("masks", "overlays")
WORLD = "world"
"""Where a mask lies, in a file beside it."""
AREAS, TRUST = "areas.csv", "trust.csv"
"""Tables of all images, made at the end of what was noted of each."""
AREA_HEAD = ("image", "class", "pixels", "share", "objects", "largest", "mm2", "largest_mm2")
NM2_PER_MM2 = 10**12


class TrustRow(NamedTuple):
    """How far an image's prediction is to be trusted, the least first, and the share of its pixels that are objects."""

    image: str
    trust: float
    objects: float


@dataclass(frozen=True)
class Found:
    """An image and its prediction: `ids` (H, W), `planes` (K, H, W) where they are asked for, and how far it is trusted."""

    item: Item
    image: Rows
    ids: NDArray[np.uint8]
    planes: NDArray[np.uint16] | None
    trust: float


def in_order(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds that are asked for, each once; the usual ones where none is."""
    return tuple(kind for kind in KINDS if kind in (kinds or USUAL))


def tables(kinds: Sequence[str]) -> list[str]:
    """The tables of all images."""
    return [AREAS, TRUST] if "areas" in kinds else [TRUST]


def files(item: Item, kinds: Sequence[str]) -> dict[str, str]:
    """The file of each kind below the output folder. The mask of an image that has a place on the earth is a TIFF that has it.

    Of one whose place a world file says the mask has a world file, too, under the kind WORLD.
    """
    found = {kind: f"{kind}/{item.id}{SUFFIXES[kind]}" for kind in kinds if kind in SUFFIXES}
    if "masks" in kinds and _place_of(item):
        return found | {"masks": f"masks/{item.id}.tif"}
    return found | ({WORLD: f"masks/{item.id}.pgw"} if "masks" in kinds and _world_of(item) else {})


def is_there(item: Item, kinds: Sequence[str], out: Written, made_from: str) -> bool:
    """Whether all that is asked for of an image was written, and is as it was written."""
    if not all(out.noted(f"{table}/{item.id}", made_from) for table in tables(kinds)):
        return False
    return all(out.is_made_from(name, _of(kind, name, item, out, made_from)) for kind, name in files(item, kinds).items())


def find(item: Item, image: Rows, model: Predictor, kinds: Sequence[str]) -> Found:
    """Predicts an image. Raises DataError for one without a prediction, or of which not all that is asked for can be written."""
    card = model.card
    if "labelme" in kinds:
        if not _whole_file(item):
            remedy = "Save each page as an image of its own, or predict it without `--write labelme`."
            raise DataError(item.source, "labelme opens no single page of a file", remedy)
        require_opens(image.shape, item.source)
    planes = Planes(len(card.classes), image.shape, item.source) if "probabilities" in kinds else None
    forward, trust = model.watched()

    def see(rows: slice, columns: slice, logits: Tensor) -> None:
        trust.see_block(logits)
        if planes:
            planes.see_block(rows, columns, logits)

    ids = predict_ids(forward, image, card.infer, card.long_side, model.device, item.source, card.decision, see)
    return Found(item, image, ids, planes.values if planes else None, trust.score())


def write(found: Found, kinds: Sequence[str], out: Written, model: Predictor, looks: Segmenter | None, made_from: str) -> None:
    """Writes the files of an image, and notes its rows of the tables. `looks` is the model to ask for its attention."""
    item = found.item
    for kind, name in files(item, kinds).items():
        content = _seen_by(looks, found, model) if looks and kind == "attention" else _content(kind, name, found, out, model)
        out.write(name, content, _of(kind, name, item, out, made_from))
    if "areas" in kinds:
        out.note(f"{AREAS}/{item.id}", json.dumps(_area_rows(found, model.classes)), made_from)
    n_objects = np.count_nonzero(found.ids) if model.card.has_background else found.ids.size
    out.note(f"{TRUST}/{item.id}", json.dumps([round(found.trust, 4), round(n_objects / found.ids.size, 6)]), made_from)


def write_tables(made_from: Mapping[str, str], kinds: Sequence[str], out: Written) -> list[TrustRow]:
    """Writes the tables of these images, by their ids what each was made from; returns the rows of TRUST."""
    noted = {
        name: {each: json.loads(out.noted(f"{name}/{each}", of) or "") for each, of in made_from.items()}
        for name in tables(kinds)
    }
    trust = sorted((TrustRow(each, *row) for each, row in noted[TRUST].items()), key=lambda row: (row.trust, row.image))
    out.write(TRUST, csv_text(TrustRow._fields, trust).encode())
    if AREAS in noted:
        rows = [(each, *row) for each, found in noted[AREAS].items() for row in found]
        out.write(AREAS, csv_text(AREA_HEAD, rows).encode())
    return trust


def _of(kind: str, name: str, item: Item, out: Written, made_from: str) -> str:
    """What a file is made from: where the image lies decides a labelme file, too, and the image's world file that of a mask."""
    more = {"labelme": lambda: _image_path(name, item, out).encode(), WORLD: lambda: _world_of(item)}
    return sha256(made_from.encode() + more[kind]()).hexdigest() if kind in more else made_from


def _content(kind: str, name: str, found: Found, out: Written, model: Predictor) -> bytes:
    card, ids, place = model.card, found.ids, _place_of(found.item)
    match kind:
        case "masks":
            return tiff_encode.encode_mask(ids, place) if place else encode.encode_mask(ids)
        case "overlays":
            return encode.encode_png(overlay.overlay_of(found.image, ids, colours(len(card.classes))))
        case "world":
            return _world_of(found.item)
        case "labelme":
            return labelme_json(ids, card.classes, card.has_background, _image_path(name, found.item, out))
        case _:
            assert found.planes is not None, "the planes are there where they are asked for"
            return tiff_encode.encode_planes(found.planes, json.dumps({"classes": card.classes}), place)


def _seen_by(looks: Segmenter, found: Found, model: Predictor) -> bytes:
    levels = predict_attention(looks, found.image[:], model.card.infer, model.card.long_side, model.device)
    return encode.encode_png(heat_maps(overlay.displayed(found.image[:]), levels))


def _area_rows(found: Found, classes: Sequence[str]) -> list[tuple[object, ...]]:
    """A row a class, without the image: see AREA_HEAD."""
    pixel = _pixel_mm2(found.item)
    rows: list[tuple[object, ...]] = []
    for name, area in zip(classes, areas(found.ids, len(classes)), strict=True):
        sizes = [float(f"{each * pixel:.6g}") if pixel else "" for each in (area.pixels, area.largest)]
        rows.append((name, area.pixels, round(area.pixels / found.ids.size, 6), area.objects, area.largest, *sizes))
    return rows


def _pixel_mm2(item: Item) -> float:
    """The area of a pixel in mm², 0 where the file does not say."""
    file = _whole_file(item)
    # A TIFF is not read for it: it may be a large one.
    known = tiff_place.pixel_size(file) if file else None
    width, height = known or pixel_size(item.image.read(), item.source)
    return width * height / NM2_PER_MM2


def _place_of(item: Item) -> RawFields:
    file = _whole_file(item)
    return tiff_place.place_of(file) if file else {}


def _world_of(item: Item) -> bytes:
    file = _whole_file(item)
    beside = world_file(file) if file else None
    return beside.read_bytes() if beside else b""


def _whole_file(item: Item) -> Path | None:
    """The file of an image that is neither a page nor part of another file."""
    source = item.image
    return source.file if isinstance(source, FileRange) and source.size is None else None


def _image_path(name: str, item: Item, out: Written) -> str:
    """From the folder of a file of ours to the image, as labelme looks for it; nothing of a page, to which no path leads."""
    file = _whole_file(item)
    return Path(os.path.relpath(file.absolute(), (out.folder / name).parent.absolute())).as_posix() if file else ""
