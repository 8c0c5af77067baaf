"""The inspection of a folder in a few lines for people."""

from collections.abc import Iterator

from segpipe.annotations.detect.inspect import Inspection
from segpipe.errors import plain

BECOMES = {
    "error": "`dvc repro` stops at them",
    "skip": "they are left out",
    "background": "they count as images without objects",
}
ANNOTATION = {
    "labelme": "a JSON file",
    "coco": "an entry in a COCO file",
    "yolo": "a label file",
    "masks": "a mask",
    "voc": "a mask",
}
NAMED = ("labelme", "coco", "yolo")
"""The kinds whose annotations name classes; masks hold ids."""


def lines(inspection: Inspection, rule: str) -> Iterator[str]:
    """The kind, then a line each for images, sizes, pixels, classes and split; `rule` is for images without annotation."""
    yield f"{inspection.root}: {inspection.layout}"
    what = ANNOTATION[inspection.layout.kind]
    yield _line("images", f"{inspection.n_images}, {len(inspection.unannotated) or 'none'} without {what}")
    if inspection.unannotated:
        yield _line("", _unannotated(inspection, rule))
    if inspection.sizes:
        yield from _read(inspection)
    else:
        yield _line("", "none of them could be read, so nothing is known of their pixels and classes")
    yield _line("split", _split(inspection))
    if inspection.groups != "none":
        yield _line("groups", f"those of {inspection.groups}: no split parts one")


def _read(inspection: Inspection) -> Iterator[str]:
    """What the files that could be read show: sizes, pixels, classes and how their masks are read."""
    yield _line("sizes", _sizes(inspection))
    kinds = (f"{_colours(channels)} of {bits} bits ({count})" for (channels, bits), count in inspection.depths)
    yield _line("pixels", ", ".join(kinds))
    yield _line("classes", f"{len(inspection.classes.names)}, from {inspection.classes.origin}: {_classes(inspection)}")
    if inspection.layout.joins:
        yield _line("masks", _masks(inspection))
    if inspection.classes.values != "ids":
        yield _line("values", _values(inspection))
    elif inspection.layout.kind not in NAMED:
        ignored = dict(inspection.values).get(str(inspection.classes.ignore_index), "no")
        yield _line("ignored", f"the value {inspection.classes.ignore_index}, in {ignored} images")


def _line(name: str, text: str) -> str:
    return f"  {name:<9}{plain(text)}"


def _unannotated(inspection: Inspection, rule: str) -> str:
    """Which images have no annotation, what becomes of them, and the key that decides."""
    names = ", ".join(inspection.unannotated[:3]) + (" ..." if len(inspection.unannotated) > 3 else "")
    others = ", ".join(f"{other}: {BECOMES[other]}" for other in BECOMES if other != rule)
    return f"{names}: {BECOMES[rule]}, since data.unannotated is {rule} ({others})"


def _colours(channels: int) -> str:
    return {1: "gray", 3: "RGB"}.get(channels, f"{channels} bands")


def _sizes(inspection: Inspection) -> str:
    """The smallest size, the largest, and the most common."""
    if len(inspection.sizes) < 2:
        return ", ".join(f"{width} x {height}" for (width, height), _ in inspection.sizes)
    ordered = sorted((size for size, _ in inspection.sizes), key=lambda size: (size[0] * size[1], size))
    smallest, largest = (f"{width} x {height}" for width, height in (ordered[0], ordered[-1]))
    (width, height), count = inspection.sizes[0]
    return f"{smallest} to {largest}, most often {width} x {height} ({count})"


def _classes(inspection: Inspection) -> str:
    """Each class with the number of images that hold it, then those that occur nowhere."""
    names, images = inspection.classes.names, dict(inspection.values)
    if inspection.layout.kind in NAMED or inspection.layout.classes:
        # Their background is wherever nothing is drawn, so it is not counted.
        first, counts = [names[0]], {name: images.get(name, 0) for name in names[1:]}
    else:
        first, counts = [], {name: inspection.classes.files_with(number, images) for number, name in enumerate(names)}
    held = ", ".join(first + [f"{name} (in {count})" for name, count in counts.items() if count])
    nowhere = ", ".join(name for name, count in counts.items() if not count)
    return f"{held}; in no image: {nowhere}" if nowhere else held


def _masks(inspection: Inspection) -> str:
    """What becomes of several masks of one image."""
    if inspection.layout.classes:
        return "one for each class; where they overlap data.shapes.overlap says which wins"
    return "those of one image are joined; where they overlap data.shapes.overlap says which wins"


def _values(inspection: Inspection) -> str:
    """How the masks are read, and the value of each class."""
    if inspection.layout.classes:
        return "binary: 0 is nothing, any other value the mask's class"
    if inspection.classes.values == "binary":
        return "binary: 0 is background, any other value the object"
    pairs = zip(inspection.classes.codes, inspection.classes.names, strict=True)
    return "codes: " + ", ".join(f"{name} is {code}" for code, name in pairs)


def _split(inspection: Inspection) -> str:
    given = dict(inspection.given)
    parts = [f"{part} {given[part]}" for part in ("train", "val", "test") if part in given]
    rest = [f"the rest {given['']}"] if "" in given else []
    return f"given: {', '.join(parts + rest)}" if parts else "none given; the pipeline makes one"
