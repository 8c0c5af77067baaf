"""What distinguishes the names of several masks of one image: classes, numbered parts, or nothing certain."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from segpipe.annotations.formats.masks.mask_files import NO_CLASS_NAMES
from segpipe.annotations.formats.masks.template import ANY, CLASS, PART, STEM
from segpipe.images.decode import SUFFIXES

MASK_WORDS = {"mask", "masks", "gt", "gtfine", "gtcoarse", "label", "labels", "labelled", "annotation", "annotations", "annot"}
MASK_WORDS |= {"seg", "segmentation", "segmentations", "groundtruth", "truth"}
"""Words that mark a file as a mask and say nothing of its class."""
VARIANT_WORDS = MASK_WORDS | {"labelids", "labeltrainids", "trainids", "instance", "instances", "instanceids", "id", "ids", "rgb"}
VARIANT_WORDS |= {"color", "colour", "colors", "colours", "colored", "coloured", "gray", "grey", "binary", "trimap", "trimaps"}
VARIANT_WORDS |= {
    "vis",
    "viz",
    "visual",
    "visualization",
    "overlay",
    "overlays",
    "preview",
    "previews",
    "raw",
    "image",
    "img",
    "photo",
}
"""Words that distinguish variants of one mask (ids, colours, previews), not classes."""
VERSION_WORDS = {"orig", "original", "old", "new", "copy", "backup", "bak", "tmp", "temp", "test", "final", "edited", "fixed"}
"""Words that distinguish versions of one file, not classes."""
NUMBERED = re.compile(r"(?P<base>.*?)(?P<number>[-_. ]*[(\[]?[0-9]+[)\]]?)?", re.DOTALL)
ENDS = re.compile("([-_. ]+)")
WORD = re.compile(r"[^\W\d_]+")
FEW = 3
"""Of fewer images than this, one that alone has a class is no exception."""
Images = Collection[str]


@dataclass(frozen=True)
class NamePattern:
    """A name with `{class}`, `{part}` or `{any}` where names differ, and the classes of these, sorted."""

    text: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _SplitName:
    """The name of a mask in pieces: folders that its image is not in, and what stands before and after the image's stem."""

    folder: str
    before: str
    after: str
    has_stem: bool

    def __str__(self) -> str:
        name = f"{self.before}{STEM if self.has_stem else ''}{self.after}"
        return f"{self.folder}/{name}" if self.folder else name

    def with_piece(self, key: str, text: str) -> "_SplitName":
        """The same with another folder, before or after."""
        pieces = {"folder": self.folder, "before": self.before, "after": self.after} | {key: text}
        return _SplitName(pieces["folder"], pieces["before"], pieces["after"], self.has_stem)


def infer_pattern(patterns: Mapping[str, Images]) -> NamePattern | None:
    """What distinguishes names such as `{stem}_cat` and `{stem}_dog`, each given with the images that have such a mask.

    None where that is not sure: numbers alone, words that mean no class, a name that one image has and others have not.
    """
    split = {_split(pattern): images for pattern, images in patterns.items()}
    varying = [key for key in ("folder", "before", "after") if len({getattr(each, key) for each in split}) > 1]
    if len({each.has_stem for each in split}) > 1 or not varying or varying[-2:] == ["before", "after"]:
        return None
    folders = _folder_pattern(split) if "folder" in varying else NamePattern(next(iter(split)).folder, ())
    names = _name_pattern(split, varying[-1]) if varying != ["folder"] else NamePattern("", ())
    if names is None or (folders is None and not names.classes):
        return None
    first = next(iter(split))
    if varying != ["folder"]:
        first = first.with_piece(varying[-1], names.text)
    if names.classes and "folder" in varying:
        path = _any_folder(split)
        return NamePattern(str(replace(first, folder=path)), names.classes) if path else None
    assert folders is not None
    return NamePattern(str(replace(first, folder=folders.text)), names.classes or folders.classes)


def classify_words(values: Mapping[str, Images]) -> NamePattern | None:
    """What distinguishes words such as `_cat`, `_dog_1` and `_dog_2`, each with its images: classes, numbered parts, or both.

    A number is that of a part where the word without it occurs too. None where nothing is sure.
    """
    bases: dict[str, dict[str, Images]] = defaultdict(dict)
    for value, images in values.items():
        match = NUMBERED.fullmatch(value)
        bases[match["base"] if match else value][(match["number"] or "") if match else ""] = images
    has_parts = any(len(numbers) > 1 for numbers in bases.values())
    if not has_parts:
        return _class_pattern(values)
    if not all(_are_parts(base, numbers) for base, numbers in bases.items() if len(numbers) > 1):
        return None
    if len(bases) == 1:
        return NamePattern(next(iter(bases)) + PART, ())
    found = _class_pattern({base: set().union(*numbers.values()) for base, numbers in bases.items()})
    return NamePattern(found.text + PART, found.classes) if found else None


def forced_pattern(patterns: Sequence[str], placeholder: str) -> str:
    """The name with `{class}`, `{part}` or `{any}` where the names differ, whatever that means; empty where it cannot be."""
    split = [_split(pattern) for pattern in patterns]
    varying = [key for key in ("folder", "before", "after") if len({getattr(each, key) for each in split}) > 1]
    values = [getattr(each, varying[0]) for each in split] if len(varying) == 1 else []
    bases = {match["base"] for match in map(NUMBERED.fullmatch, values) if match}
    before, after = _shared_affixes(values) if placeholder != PART else (min(bases, default=""), "")
    middles = [value[len(before) : len(value) - len(after)] for value in values]
    is_told = all(middles) and all(words_in(middle) - VARIANT_WORDS or not words_in(middle) for middle in middles)
    if not values or not (is_told if placeholder != PART else len(bases) == 1):
        return ""
    return str(split[0].with_piece(varying[0], f"{before}{placeholder}{after}"))


def words_in(text: str) -> set[str]:
    """The words of a name, in lower case."""
    return set(WORD.findall(text.lower()))


def _split(pattern: str) -> _SplitName:
    folder, _, name = pattern.rpartition("/")
    before, stem, after = name.rpartition(STEM)
    return _SplitName(folder, before, after, bool(stem))


def _name_pattern(patterns: Mapping[_SplitName, Images], key: str) -> NamePattern | None:
    """What distinguishes the names. In folders of one image each, names that hold numbers and never occur twice are parts."""
    values: dict[str, set[str]] = defaultdict(set)
    for pattern, images in patterns.items():
        values[getattr(pattern, key)].update(images)
    n_images = len(set().union(*values.values()))
    alone = all(len(own) == 1 and re.search("[0-9]", name) for name, own in values.items())
    return NamePattern(ANY, ()) if alone and n_images > 1 and not next(iter(patterns)).has_stem else classify_words(values)


def _folder_pattern(patterns: Mapping[_SplitName, Images]) -> NamePattern | None:
    """What distinguishes the folders: classes in the one place where their paths differ."""
    at = _varying_folder(patterns)
    if at is None:
        return None
    values: dict[str, set[str]] = defaultdict(set)
    for pattern, images in patterns.items():
        values[pattern.folder.split("/")[at]].update(images)
    found = _class_pattern(values)
    path = next(iter(patterns)).folder.split("/")
    return NamePattern("/".join([*path[:at], found.text, *path[at + 1 :]]), found.classes) if found else None


def _varying_folder(patterns: Mapping[_SplitName, Images]) -> int | None:
    """The one place in which the paths differ, None where they do in several or in their length."""
    paths = [pattern.folder.split("/") for pattern in patterns]
    if len({len(path) for path in paths}) > 1:
        return None
    varying = [at for at, names in enumerate(zip(*paths, strict=True)) if len(set(names)) > 1]
    return varying[0] if len(varying) == 1 else None


def _any_folder(patterns: Mapping[_SplitName, Images]) -> str:
    """The folders where the names hold the classes already: `{any}` in the one place where the paths differ, empty for none."""
    at = _varying_folder(patterns)
    path = next(iter(patterns)).folder.split("/")
    return "" if at is None else "/".join([*path[:at], ANY, *path[at + 1 :]])


def _are_parts(base: str, numbers: Collection[str]) -> bool:
    """Whether the numbers are surely those of parts: `_mask` is there too, and a number stands apart from the name of a class."""
    glued = any(number[:1].isdecimal() for number in numbers)
    return "" in numbers and bool(words_in(base)) and (not glued or words_in(base) <= MASK_WORDS)


def _class_pattern(values: Mapping[str, Images]) -> NamePattern | None:
    """Words that are classes, less what all of them share and what says that a file is a mask; None where that is not sure."""
    before, after = _shared_affixes(list(values))
    classes = {value[len(before) : len(value) - len(after)]: images for value, images in values.items()}
    if not _are_plausible_classes(classes):
        return None
    names = tuple(sorted(name for name in classes if name not in NO_CLASS_NAMES))
    return NamePattern(f"{before}{CLASS}{after}", names) if names else None


def _shared_affixes(values: Sequence[str]) -> tuple[str, str]:
    """What all of the words begin and end with that says nothing of a class."""
    pieces = [ENDS.split(value) for value in values]
    before = _shared_start(pieces)
    after = _shared_start([own[len(before) :][::-1] for own in pieces])[::-1]
    return "".join(before), "".join(after)


def _shared_start(pieces: Sequence[Sequence[str]]) -> list[str]:
    """What all begin with, of separators and of words that say that a file is a mask. Of none of them all is taken."""
    shared: list[str] = []
    for own in zip(*(each[:-1] for each in pieces), strict=False):
        word = own[0].lower()
        is_plain = not word or ENDS.fullmatch(word) or word in MASK_WORDS or f".{word}" in SUFFIXES  # photo.jpg_cat
        if len(set(own)) > 1 or not is_plain:
            break
        shared.append(own[0])
    return shared


def _are_plausible_classes(classes: Mapping[str, Images]) -> bool:
    """Whether words can only be classes: letters distinguish them, they mean nothing else, and not one image alone has one."""
    n_images = len(set().union(*classes.values()))
    counts = sorted(map(len, classes.values()))
    letters = {re.sub("[0-9]+(?:st|nd|rd|th)?", "", name).strip("-_. ()") for name in classes}
    return (
        len(letters) == len(classes)
        and "" not in letters
        and all(not words_in(name) <= VARIANT_WORDS and not words_in(name) & VERSION_WORDS for name in classes)
        and (counts[0] > 1 or n_images == 1 or (n_images < FEW and counts[-1] > 1))
    )
