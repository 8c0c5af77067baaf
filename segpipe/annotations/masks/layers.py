"""Several mask files of one image, each of one class or a part of the whole, joined to one mask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segpipe.annotations.class_map import ClassIds
from segpipe.annotations.items import Annotated, Item, Seen
from segpipe.annotations.masks import ids as mask_ids
from segpipe.annotations.masks.codes import code_of, some, told
from segpipe.annotations.masks.ids import Coding
from segpipe.errors import DataError, PipelineError
from segpipe.params import MasksParams
from segpipe.place import Readable
from segpipe.record import BACKGROUND_NAMES, IGNORE, Mask

NOTHING = (*BACKGROUND_NAMES, "__ignore__", "ignore", "void", "unlabelled", "unlabeled")
"""What files may be called that are of no class: they show where there is nothing, or where nobody looks."""


@dataclass(frozen=True)
class Layer:
    """One of the files: its name for people, and the class that it is of, empty where it is a part of a whole mask."""

    name: str
    place: Readable
    class_name: str


@dataclass(frozen=True)
class Layers:
    """All files of one image, in an order that does not matter. Can be pickled."""

    files: tuple[Layer, ...]

    def read(self) -> bytes:
        """The bytes of all files, one behind the other."""
        return b"".join(each.place.read() for each in self.files)


def final_ids(own: MasksParams, ids: ClassIds) -> dict[str, int]:
    """The final id of each name that a file of one class may have.

    Raises PipelineError where the keys of data.masks do not fit such files.
    """
    if own.values != "binary":
        what = f"is {own.values}, but each mask is of one class, as data.masks.template or the list of pairs says"
        raise PipelineError(f"data.masks.values: {what}: 0 and another value. Set it to binary.")
    if own.classes[0] not in BACKGROUND_NAMES:
        what = f'begin with "{own.classes[0]}", but each mask is of one class, so the first is where no mask has an object'
        raise PipelineError(f"data.masks.classes: they {what}. Let the first be background.")
    ignored = {name: IGNORE for name in NOTHING if name not in BACKGROUND_NAMES}
    return ignored | dict.fromkeys(BACKGROUND_NAMES, 0) | {name: max(number, 0) for name, number in ids.ids.items()}


def read(item: Item, width: int, height: int, coding: Coding, numbers: Mapping[str, int]) -> Annotated:
    """What `ids.read` returns, of one file or several; `numbers` are `final_ids`, empty where files are of no one class.

    Where files overlap the later class wins, and a pixel that any of them ignores is ignored. The values of a file of one
    class come with its class: `cat: 255`. Raises DataError for what is no mask at all.
    """
    if not isinstance(item.annotation, Layers):
        return mask_ids.read(item, width, height, coding)
    mask: Mask | None = np.zeros((height, width), np.uint8)
    values: set[str] = set()
    problems: list[DataError] = []
    objects: set[int] = set()
    overlap = False
    for layer in item.annotation.files:
        own = _read(item, layer, width, height, coding, numbers)
        values |= {f"{layer.class_name}: {value}" if layer.class_name else value for value in own.values}
        problems += own.problems
        objects.add(coding.object_in(sorted(map(code_of, own.values))))
        if mask is None or own.mask is None:
            mask = None
            continue
        overlap |= bool(np.any((mask != own.mask) & (mask > 0) & (mask < IGNORE) & (own.mask > 0) & (own.mask < IGNORE)))
        mask = np.maximum(mask, own.mask)
    if coding.kind == "binary" and not numbers and len(objects - {-1}) > 1:
        what = f"masks of one image whose objects have different values: {some(sorted(objects - {-1}))}"
        problems.append(DataError(item.annotation_name, what, "Make them alike."))
    if overlap:
        what = "masks of several classes overlap"
        problems.append(DataError(item.annotation_name, what, "There the later of data.masks.classes wins.", warning=True))
    return Annotated(mask, tuple(sorted(values)), tuple(problems))


def _read(item: Item, layer: Layer, width: int, height: int, coding: Coding, numbers: Mapping[str, int]) -> Annotated:
    """One of the files, with what is wrong with it alone."""
    alone = replace(item, annotation=layer.place, annotation_name=layer.name)
    if not layer.class_name:
        return mask_ids.read(alone, width, height, coding)
    own = Coding("binary", {0: 0, 1: numbers[layer.class_name]}, coding.ignored)
    annotated = mask_ids.read(alone, width, height, own)
    codes = sorted(map(code_of, annotated.values))
    if own.strange(codes):
        what = f"more values than 0 and one other in a mask of one class: {some(codes)}"
        remedy = "Save the pixels of the class as one value, or take the file away if it is no mask of a class."
        return replace(annotated, problems=(*annotated.problems, DataError(layer.name, what, remedy)))
    if len(codes) == 1 and codes[0] != 0:
        what = f"a mask with the value {told(codes[0])} in every pixel"
        warning = DataError(layer.name, what, "Check that it is finished.", warning=True)
        return replace(annotated, problems=(*annotated.problems, warning))
    return annotated


def held(values: Sequence[str]) -> set[str]:
    """The classes of which files hold an object, of the values that `read` returns."""
    return {class_name for class_name, code in _split(values) if code and class_name not in NOTHING}


def judge(seen: Sequence[Seen], coding: Coding) -> list[DataError]:
    """What only all files of a class together show: the ignored value is the object in some of them."""
    problems = []
    objects: dict[str, dict[str, int]] = {}
    for each in seen:
        for layer in each.item.annotation.files if isinstance(each.item.annotation, Layers) else ():
            codes = [code for class_name, code in _split(each.values) if class_name == layer.class_name]
            objects.setdefault(layer.class_name, {})[layer.name] = coding.object_in(codes)
    for own in objects.values():
        others = {code for code in own.values() if code > 0} - {coding.ignored}
        doubtful = [name for name, code in own.items() if code == coding.ignored]
        if others and doubtful:
            value = told(coding.ignored)
            what = f"the object is {some(sorted(others))} in some masks of its class and {value}, the ignored value, in others"
            problems += [DataError(name, what, "Make them alike.") for name in doubtful]
    return problems


def _split(values: Sequence[str]) -> Iterator[tuple[str, int]]:
    for value in values:
        class_name, _, code = value.rpartition(": ")
        yield class_name, code_of(code)
