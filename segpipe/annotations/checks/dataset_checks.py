"""Checks of the data set as a whole: absent and rare classes, empty and flat images, the same image annotated differently."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from segpipe.annotations.class_names import is_void
from segpipe.annotations.crop import crop_of
from segpipe.errors import DataError, Fix
from segpipe.record import Record, is_background

FEW_IMAGES = 5
RARE = 1000
"""A class with less than a RARE-th of the pixels is seen so seldom that a plain loss passes it over."""
SMALL = 32
OBJECTS_ONLY = (
    "All that is no object is ignored, so the model learns objects only and takes every pixel for one of them: "
    "mark some background, or count what is unmarked as background (data.shapes.undrawn, data.masks.ignore_index)."
)


def warnings_of(records: Sequence[Record], classes: Sequence[str]) -> list[DataError]:
    """Warnings about the data set as a whole. They stop nothing. None where no file was sound: nothing is known then."""
    if not records:
        return []
    return [
        DataError(file, problem, remedy, warning=True)
        for check in (_void_first, _absent, _rare, _empty, _ignored, _flat, _small, _contradictory)
        for file, problem, remedy in check(records, classes)
    ]


def smaller_than_crop(records: Sequence[Record], crop: int, stride: int) -> list[DataError]:
    """A warning for each image that is smaller than the training crop, where a smaller one suits the images; with that one."""
    sides = [min(record.width, record.height) for record in records]
    fitting = crop_of(sides, stride, crop) if sides else crop
    remedy = "It gets padded. Lower input.crop."
    return [
        DataError(record.source, f"smaller than input.crop, {crop} pixels", remedy, Fix("input.crop", fitting), warning=True)
        for record in records
        if min(record.width, record.height) < crop and fitting < crop
    ]


Warnings = Iterator[tuple[str, str, str]]


def _void_first(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    """A first class whose name means "no class". The classes are those after data.class_map, so mapping it silences this."""
    if is_void(classes[0]):
        name = classes[0]
        remedy = f'In data.class_map write "{name}: background" if no object is there, or "{name}: __ignore__" if nobody looked.'
        yield f"class {name}", 'the first class: its name means "no class", and yet it counts as a class of objects', remedy


def _absent(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    """Classes that are in no mask, or in so few that not every fold can have one."""
    for number, name in enumerate(classes):
        images = sum(record.pixels[number] > 0 for record in records)
        if not images:
            remedy = "A model cannot learn it: take it off the classes, or check that its label is spelt as in the files."
            if is_background(name):
                ignored = any(record.ignored for record in records)
                remedy = OBJECTS_ONLY if ignored else "Objects cover every pixel: check that they should."
            yield f"class {name}", "it occurs in no image", remedy
        elif images < min(FEW_IMAGES, len(records)):
            remedy = "Not every fold can hold it: annotate more, or merge it into another class in data.class_map."
            yield f"class {name}", f"it occurs in fewer than {FEW_IMAGES} images", remedy


def _rare(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    """Classes that are there, with a very small share of the pixels."""
    totals = [sum(record.pixels[number] for record in records) for number in range(len(classes))]
    for name, total in zip(classes, totals, strict=True):
        if 0 < total * RARE < sum(totals):
            remedy = "Set augment.preset to crop, so that it is seen more often, and watch its own score."
            yield f"class {name}", f"it covers less than a {RARE}th of the pixels", remedy


def _empty(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    """Images without an object, where most are such."""
    empty = [record for record in records if not sum(record.pixels[1:])]
    if 2 * len(empty) > len(records):
        for record in empty:
            yield record.source, "no object in it, as in most images here", "Check that their annotations are not missing."


def _ignored(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    for record in records:
        if record.ignored == record.width * record.height:
            yield record.source, "every pixel of it is ignored, so it teaches nothing", "Take it out, or mend its annotation."


def _flat(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    for record in records:
        pixels = record.width * record.height
        # The variance is 0: exact, since Python's whole numbers do not overflow.
        if all(total**2 == square * pixels for total, square in zip(record.sums, record.squares, strict=True)):
            yield record.source, "an image of one single value", "Take it out, or copy it again from where it came."


def _small(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    for record in records:
        if min(record.width, record.height) < SMALL:
            yield record.source, f"an image with a side below {SMALL} pixels", "Check that it is no thumbnail."


def _contradictory(records: Sequence[Record], classes: Sequence[str]) -> Warnings:
    """The same bytes under several names, with masks that contradict one another."""
    same: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        same[record.image_sha256].append(record)
    for copies in same.values():
        if len({record.mask_sha256 for record in copies}) > 1:
            for record in copies:
                yield record.source, "the same picture as another, with another annotation", "Keep the right one of them."
