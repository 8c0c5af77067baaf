"""Several mask files of one image, one a class or in parts, merged into one mask."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segpipe.annotations.class_map import ClassIds
from segpipe.annotations.code_counts import merged
from segpipe.annotations.formats.masks import codes as mask_codes
from segpipe.annotations.formats.masks import ids as mask_ids
from segpipe.annotations.formats.masks.codes import format_code, format_codes, parse_code
from segpipe.annotations.formats.masks.ids import Coding
from segpipe.annotations.items import AnnotationSummary, Item, ParsedAnnotation
from segpipe.errors import DataError, Fix, PipelineError
from segpipe.params.schema import MasksParams
from segpipe.record import BACKGROUND_WORDS, IGNORE, Mask, is_background
from segpipe.storage.byte_source import ByteSource, FileRange

_WORDS = (*BACKGROUND_WORDS, "ignore", "void", "unlabelled", "unlabeled")
NO_CLASS_NAMES = (
    "_background_",
    "__ignore__",
    *(spelt for word in _WORDS for spelt in (word, word.capitalize(), word.upper())),
)
"""Names in the place of a class that mean none: background, or pixels to ignore."""


@dataclass(frozen=True)
class MaskFile:
    """One of the files: its name for people, and the class that it is of, empty where it is a part of a whole mask."""

    name: str
    byte_source: ByteSource
    class_name: str


@dataclass(frozen=True)
class MaskFiles:
    """All files of one image, in an order that does not matter. Can be pickled."""

    files: tuple[MaskFile, ...]

    def read(self) -> bytes:
        """The bytes of all files, one behind the other."""
        return b"".join(each.byte_source.read() for each in self.files)

    def file_ranges(self) -> tuple[FileRange, ...]:
        """Those of all files."""
        return tuple(file_range for each in self.files for file_range in each.byte_source.file_ranges())


def final_ids(own: MasksParams, ids: ClassIds) -> dict[str, int]:
    """The final id of each name that a file of one class may have.

    Raises PipelineError where the keys of data.masks do not fit such files.
    """
    if own.values != "binary":
        what = f"is {own.values}, but each mask is of one class, as data.masks.template or the list of pairs says"
        raise PipelineError(f"data.masks.values: {what}: 0 and another value. Set it to binary.")
    if not is_background(ids.classes[0]):
        what = "name no background, but each mask is of one class, so there must be one for where no mask has an object"
        raise PipelineError(f"data.masks.classes: they {what}. Write background as the first.")
    nothing = {name: 0 if is_background(name) else IGNORE for name in NO_CLASS_NAMES}
    return nothing | {name: max(number, 0) for name, number in ids.ids.items()}


def read(item: Item, width: int, height: int, coding: Coding, numbers: Mapping[str, int], overlap: str) -> ParsedAnnotation:
    """What `ids.read` returns, of one file or several; `numbers` are `final_ids`, empty where files are of no one class.

    Where files overlap, the later class wins, or under the `overlap` smaller the one of fewer pixels in this image; a pixel
    that any of them ignores is ignored. The values of a file of one class come with its class: `cat: 255`. Raises DataError
    for what is no mask at all.
    """
    if not isinstance(item.annotation, MaskFiles):
        return mask_ids.read(item, width, height, coding)
    found = [(mask_file, _read(item, mask_file, width, height, coding, numbers)) for mask_file in item.annotation.files]
    named = [
        f"{mask_file.class_name}: {value}" if mask_file.class_name else value for mask_file, own in found for value in own.values
    ]
    problems = [problem for _, own in found for problem in own.problems]
    if not numbers:
        problems += _object_values_differ(item, coding, [own.values for _, own in found])
    masks = [own.mask for _, own in found if own.mask is not None]
    # Files of one class are checked one by one: their values mean nothing beside one another.
    code_counts = None if numbers else merged([own.code_counts for _, own in found if own.code_counts])
    if len(masks) < len(found):
        return ParsedAnnotation(None, tuple(sorted(set(named))), tuple(problems), code_counts)
    mask, covered = merge_masks(masks, overlap)
    names = {number: name for name, number in numbers.items() if name not in NO_CLASS_NAMES}
    problems += _overlaps(item, covered, names, overlap)
    return ParsedAnnotation(mask, tuple(sorted(set(named))), tuple(problems), code_counts)


def merge_masks(masks: Sequence[Mask], overlap: str) -> tuple[Mask, dict[int, bool]]:
    """One mask of several, and the classes that lost pixels to others, with whether they lost all."""
    planes: dict[int, NDArray[np.bool_]] = {}
    for each in masks:
        for number in map(int, np.flatnonzero(np.bincount(each.ravel(), minlength=256))):
            inside = each == number
            planes[number] = planes[number] | inside if number in planes else inside
    areas = {number: int(np.count_nonzero(plane)) for number, plane in planes.items()}
    small = overlap == "smaller"
    mask = np.zeros(masks[0].shape, np.uint8)
    # What is painted later wins: ignored above all, background below all.
    for number in sorted(planes, key=lambda number: (number == IGNORE, number > 0, -areas[number] if small else 0, number)):
        mask[planes[number]] = number
    visible = {number: int(np.count_nonzero(mask[plane] == number)) for number, plane in planes.items()}
    unignored = {number: areas[number] - int(np.count_nonzero(mask[plane] == IGNORE)) for number, plane in planes.items()}
    return mask, {number: not visible[number] for number in planes if 0 < number < IGNORE and visible[number] < unignored[number]}


def _overlaps(item: Item, covered: Mapping[int, bool], names: Mapping[int, str], overlap: str) -> list[DataError]:
    """The problems of classes that lost pixels to others: a warning, or an error where one lost all."""
    gone = [names.get(number, f"class {number}") for number, is_gone in sorted(covered.items()) if is_gone]
    if gone and overlap == "smaller":
        what = f"the object of {', '.join(gone)} has the same pixels as that of a later class"
        return [DataError(item.annotation_name, what, "Correct one of the masks, or merge the classes in data.class_map.")]
    if gone:
        what = f"the object of {', '.join(gone)} lies wholly under that of a later class"
        remedy = "Let the smaller one win, or name the class later in data.masks.classes."
        return [DataError(item.annotation_name, what, remedy, Fix("data.shapes.overlap", "smaller"))]
    if not covered:
        return []
    what = "masks of several classes overlap"
    remedy = f"There the {'one of fewer pixels' if overlap == 'smaller' else 'later of data.masks.classes'} wins."
    return [DataError(item.annotation_name, what, remedy, warning=True)]


def _object_values_differ(item: Item, coding: Coding, values: Sequence[Sequence[str]]) -> list[DataError]:
    """The problem of masks of an image, each in black and white, whose objects have different values."""
    objects = {coding.object_in(sorted(map(parse_code, own))) for own in values} - {-1} if coding.kind == "binary" else set()
    what = f"masks of one image whose objects have different values: {format_codes(sorted(objects))}"
    return [DataError(item.annotation_name, what, "Make them alike.")] if len(objects) > 1 else []


def _read(
    item: Item, mask_file: MaskFile, width: int, height: int, coding: Coding, numbers: Mapping[str, int]
) -> ParsedAnnotation:
    """One of the files, with what is wrong with it alone."""
    alone = replace(item, annotation=mask_file.byte_source, annotation_name=mask_file.name)
    if not mask_file.class_name:
        return mask_ids.read(alone, width, height, coding)
    own = Coding("binary", {0: 0, 1: numbers[mask_file.class_name]}, coding.ignored)
    coded = mask_codes.read(mask_file.byte_source.read(), mask_file.name)
    shown = coded.as_shown()  # black is where the class is not, whichever index a palette gives it
    coded = shown if len(shown.codes) == len(coded.codes) else coded
    parsed = mask_ids.parsed_from_codes(alone, coded, width, height, own)
    codes = sorted(map(parse_code, parsed.values))
    if own.unknown(codes):
        what = f"more values than 0 and one other in a mask of one class: {format_codes(codes)}"
        remedy = "Save the pixels of the class as one value, or take the file away if it is no mask of a class."
        return replace(parsed, problems=(*parsed.problems, DataError(mask_file.name, what, remedy)))
    if len(codes) == 1 and codes[0] != 0:
        what = f"a mask with the value {format_code(codes[0])} in every pixel"
        warning = DataError(mask_file.name, what, "Check that it is finished.", warning=True)
        return replace(parsed, problems=(*parsed.problems, warning))
    return parsed


def classes_present(values: Sequence[str]) -> set[str]:
    """The classes of which files hold an object, of the values that `read` returns."""
    return {class_name for class_name, code in _split_values(values) if code and class_name not in NO_CLASS_NAMES}


def check_object_values(summaries: Sequence[AnnotationSummary], coding: Coding) -> list[DataError]:
    """What only all files of a class together show: the ignored value is the object in some of them."""
    problems = []
    objects: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for each in summaries:
        for mask_file in each.item.annotation.files if isinstance(each.item.annotation, MaskFiles) else ():
            codes = [code for class_name, code in _split_values(each.values) if class_name == mask_file.class_name]
            objects[mask_file.class_name].append((mask_file.name, coding.object_in(codes)))
    for own in objects.values():
        others = [(name, code) for name, code in own if code > 0 and code != coding.ignored]
        doubtful = [name for name, code in own if code == coding.ignored]
        if others and doubtful:
            seen_codes, value = format_codes(sorted({code for _, code in others})), format_code(coding.ignored)
            what = f"the object is {seen_codes} in some masks of its class and {value}, the ignored value, in others"
            # Those that differ from most are named: a stray pixel beside 255 is taken for the object, and 255 for ignored.
            files = doubtful if len(doubtful) <= len(others) else [name for name, _ in others]
            problems += [DataError(name, what, "Make them alike.") for name in files]
    return problems


def _split_values(values: Sequence[str]) -> Iterator[tuple[str, int]]:
    for value in values:
        class_name, _, code = value.rpartition(": ")
        yield class_name, parse_code(code)
