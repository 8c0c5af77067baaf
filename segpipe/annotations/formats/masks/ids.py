"""From the codes in mask files to class ids, as data.masks.values says: ids, binary or codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segpipe.annotations.class_map import DROPPED, ClassIds
from segpipe.annotations.formats.masks import codes as mask_codes
from segpipe.annotations.formats.masks.codes import CodedMask
from segpipe.annotations.items import Item, ParsedAnnotation
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import turn_of
from segpipe.params.schema import MasksParams
from segpipe.record import IGNORE, is_background

Kind = Literal["ids", "binary", "codes"]


@dataclass(frozen=True)
class Coding:
    """What codes mean: `targets` gives the final id (255 ignored) of each class's code, in the order of the classes.

    `ignored` is one more code that becomes 255. Under `binary` the targets' 1 stands for any code but 0. With `by_colour`
    the codes of a palette mask are its colours and not its indices.
    """

    kind: Kind
    targets: Mapping[int, int]
    ignored: int
    by_colour: bool = False

    def ids_of(self, codes: Sequence[int]) -> list[int | None]:
        """The final id of each of the codes that one mask holds, None for those that are no class."""
        if self.kind != "binary":
            return [self.targets.get(code, IGNORE if code == self.ignored else None) for code in codes]
        own = self.object_in(codes)
        # Later ones win: the ignored value may be the object, 0 is neither, and -1 (no object) is no code.
        known = {self.ignored: IGNORE, own: self.targets[1]} | {0: self.targets[0]}
        return [known.get(code) for code in codes]

    def object_in(self, codes: Sequence[int]) -> int:
        """Under `binary`: the one code beside 0 and the ignored one, or the ignored one where there is no other; else -1."""
        others = [code for code in codes if code != 0]
        if len(others) > 1:
            others = [code for code in others if code != self.ignored]
        return others[0] if len(others) == 1 else -1

    def unknown(self, codes: Sequence[int]) -> list[int]:
        """The codes of one mask that are no class."""
        return [code for code, number in zip(codes, self.ids_of(codes), strict=True) if number is None]


def coding_of(own: MasksParams, ids: ClassIds) -> Coding:
    """How data.masks reads codes. Raises PipelineError where the classes, values and codes do not fit together."""
    n_classes = len(own.classes)
    if own.values == "binary" and n_classes != 2:
        raise PipelineError(f"data.masks.values: binary means 2 classes, but data.masks.classes names {n_classes}. Correct one.")
    codes = [mask_codes.parse_code(text) for text in own.codes] if own.values == "codes" else list(range(n_classes))
    if len(codes) != n_classes:
        what = f"has {len(codes)} entries for the {n_classes} of data.masks.classes"
        remedy = "Write one for each class, in the same order; a class called __ignore__ is ignored."
        raise PipelineError(f"data.masks.codes: {what}. {remedy}")
    twice = sorted({mask_codes.format_code(code) for code in codes if codes.count(code) > 1})
    if twice:
        raise PipelineError(f"data.masks.codes: {', '.join(twice)} stands there twice. Give each class a value of its own.")
    targets = dict(zip(codes, final_ids(own.classes, ids), strict=True))
    if own.values == "ids":
        targets.pop(own.ignore_index, None)
    return Coding(own.values, targets, own.ignore_index, own.palette == "colours")


def final_ids(names: Sequence[str], ids: ClassIds) -> list[int]:
    """The final id of each name. What is dropped becomes background; raises PipelineError where there is none."""
    numbers = [ids.ids[name] for name in names]
    if DROPPED in numbers and not is_background(ids.classes[0]):
        dropped = names[numbers.index(DROPPED)]
        what = f'"{dropped}" cannot be left out, since none of the classes is background'
        raise PipelineError(f"data.class_map: {what}. Map it to another class or to __ignore__.")
    return [max(number, 0) for number in numbers]  # DROPPED is below 0


def read(item: Item, width: int, height: int, coding: Coding) -> ParsedAnnotation:
    """The mask with the final class ids, 255 for what is ignored; `values` are the codes in it, as text.

    No mask where a code is no class, or the size is not the image's. Raises DataError for what is no mask at all.
    """
    if item.annotation is None:
        return ParsedAnnotation(np.zeros((height, width), np.uint8))
    return parsed_from_codes(item, mask_codes.read(item.annotation.read(), item.annotation_name), width, height, coding)


def parsed_from_codes(item: Item, coded: CodedMask, width: int, height: int, coding: Coding) -> ParsedAnnotation:
    """What `read` returns, from the codes."""
    coded = coded.as_shown() if coding.by_colour else coded
    values = tuple(sorted(map(mask_codes.format_code, coded.codes)))
    problem = wrong_size(item, coded, width, height)
    ids = [number for number in coding.ids_of(coded.codes) if number is not None]
    if len(ids) < len(coded.codes):
        mask_codes.refuse_halos(coded, item.annotation_name)
    if problem or len(ids) < len(coded.codes):
        return ParsedAnnotation(None, values, (problem,) if problem else (), coded.code_counts())
    return ParsedAnnotation(coded.mapped(ids), values, code_counts=coded.code_counts())


def wrong_size(item: Item, coded: CodedMask, width: int, height: int) -> DataError | None:
    """The problem of a mask that is not of its image's size, with the likely cause; nothing where it is."""
    rows, columns = coded.indices.shape
    name = item.annotation_name
    if (columns, rows) == (width, height):
        return None
    if (columns, rows) == (height, width) and _is_turned(item):
        what = "drawn on the image before its EXIF mark turned it: width and height are swapped"
        return DataError(name, what, "Turn the mask as the image is shown, or take the mark off the image.")
    if (columns, rows) == (height, width):
        what = f"{columns} x {rows} pixels, but the image has {width} x {height}: it lies on its side"
        return DataError(name, what, "Turn it as the image is, or make it again from the image it belongs to.")
    factor = max(width // columns, columns // width)
    if (columns * factor, rows * factor) == (width, height) or (width * factor, height * factor) == (columns, rows):
        what = f"made at another resolution: {factor} times {'smaller' if columns < width else 'larger'} than its image"
        return DataError(name, what, "Resize it to its image by nearest neighbour, or take the images that it was made from.")
    sizes = f"{columns} x {rows} pixels, but the image has {width} x {height}"
    return DataError(name, sizes, "Make the mask again from the image it belongs to.")


def _is_turned(item: Item) -> bool:
    """Whether the image is shown with its sides swapped, compared with how it is stored."""
    turn = turn_of(item.image.read(), item.source)
    return turn is not None and turn(np.zeros((1, 2))).shape == (2, 1)
