"""What was seen in a folder, in a few lines for people."""

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


def lines(look: Inspection, rule: str) -> Iterator[str]:
    """The kind, then a line each for images, sizes, pixels, classes and split; `rule` is for images without annotation."""
    yield f"{look.root}: {look.layout}"
    what = ANNOTATION[look.layout.kind]
    yield _line("images", f"{look.n_images}, {len(look.unannotated) or 'none'} without {what}")
    if look.unannotated:
        yield _line("", _unannotated(look, rule))
    if look.sizes:
        yield from _read(look)
    else:
        yield _line("", "none of them could be read, so nothing is known of their pixels and classes")
    yield _line("split", _split(look))
    if look.groups != "none":
        yield _line("groups", f"those of {look.groups}: no split parts one")


def _read(look: Inspection) -> Iterator[str]:
    """What the files that could be read show: sizes, pixels, classes and how their masks are read."""
    yield _line("sizes", _sizes(look))
    kinds = (f"{_colours(channels)} of {bits} bits ({count})" for (channels, bits), count in look.depths)
    yield _line("pixels", ", ".join(kinds))
    yield _line("classes", f"{len(look.classes.names)}, from {look.classes.origin}: {_classes(look)}")
    if look.layout.joins:
        yield _line("masks", _masks(look))
    if look.classes.values != "ids":
        yield _line("values", _values(look))
    elif look.layout.kind not in NAMED:
        ignored = dict(look.values).get(str(look.classes.ignore_index), "no")
        yield _line("ignored", f"the value {look.classes.ignore_index}, in {ignored} images")


def _line(name: str, text: str) -> str:
    return f"  {name:<9}{plain(text)}"


def _unannotated(look: Inspection, rule: str) -> str:
    """Which images have no annotation, what becomes of them, and the key that decides."""
    names = ", ".join(look.unannotated[:3]) + (" ..." if len(look.unannotated) > 3 else "")
    others = ", ".join(f"{other}: {BECOMES[other]}" for other in BECOMES if other != rule)
    return f"{names}: {BECOMES[rule]}, since data.unannotated is {rule} ({others})"


def _colours(channels: int) -> str:
    return {1: "gray", 3: "RGB"}.get(channels, f"{channels} bands")


def _sizes(look: Inspection) -> str:
    """The smallest size, the largest, and the most common."""
    if len(look.sizes) < 2:
        return ", ".join(f"{width} x {height}" for (width, height), _ in look.sizes)
    ordered = sorted((size for size, _ in look.sizes), key=lambda size: (size[0] * size[1], size))
    smallest, largest = (f"{width} x {height}" for width, height in (ordered[0], ordered[-1]))
    (width, height), count = look.sizes[0]
    return f"{smallest} to {largest}, most often {width} x {height} ({count})"


def _classes(look: Inspection) -> str:
    """Each class with the number of images that hold it, then those that occur nowhere."""
    names, images = look.classes.names, dict(look.values)
    if look.layout.kind in NAMED or look.layout.classes:
        # Their background is wherever nothing is drawn, so it is not counted.
        first, counts = [names[0]], {name: images.get(name, 0) for name in names[1:]}
    else:
        first, counts = [], {name: look.classes.files_with(number, images) for number, name in enumerate(names)}
    held = ", ".join(first + [f"{name} (in {count})" for name, count in counts.items() if count])
    nowhere = ", ".join(name for name, count in counts.items() if not count)
    return f"{held}; in no image: {nowhere}" if nowhere else held


def _masks(look: Inspection) -> str:
    """What becomes of several masks of one image."""
    if look.layout.classes:
        return "one for each class; where they overlap data.shapes.overlap says which wins"
    return "those of one image are joined; where they overlap data.shapes.overlap says which wins"


def _values(look: Inspection) -> str:
    """How the masks are read, and the value of each class."""
    if look.layout.classes:
        return "binary: 0 is nothing, any other value the mask's class"
    if look.classes.values == "binary":
        return "binary: 0 is background, any other value the object"
    pairs = zip(look.classes.codes, look.classes.names, strict=True)
    return "codes: " + ", ".join(f"{name} is {code}" for code, name in pairs)


def _split(look: Inspection) -> str:
    given = dict(look.given)
    parts = [f"{part} {given[part]}" for part in ("train", "val", "test") if part in given]
    rest = [f"the rest {given['']}"] if "" in given else []
    return f"given: {', '.join(parts + rest)}" if parts else "none given; the pipeline makes one"
