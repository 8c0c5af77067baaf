"""Infers data.masks.template from the names of images and masks, or lists the alternatives where it is ambiguous."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

from segpipe.annotations.formats.masks import name_pattern
from segpipe.annotations.formats.masks.name_pattern import NamePattern, infer_pattern
from segpipe.annotations.formats.masks.template import ANY, CLASS, PART, STEM, Template, parse, stems_of
from segpipe.annotations.items import PARTS, join_names
from segpipe.images.decode import SUFFIXES

MAX_TRIED = 8
MAX_LISTED = 6
"""Alternatives that are listed where a person must choose."""
RESERVED_CHARACTERS = set("{}>\\")
"""Letters that a template cannot hold as they are."""
THESE_ONLY = "only these are masks, the others are left out"
THESE_AS_CLASSES = "these are of one class each, the others are left out"


@dataclass(frozen=True)
class InferredTemplate:
    """`template` fits `n_fitting` masks; `classes` are the names that `{class}` stands for in them, sorted.

    Where the names are ambiguous, `template` is empty, `alternatives` are the patterns found, each with the number of images
    that have such a mask, `side` is the template of the images, and `example` the masks of one image and last the image.
    """

    template: str
    n_fitting: int
    classes: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, int], ...] = ()
    side: str = STEM
    example: tuple[str, ...] = ()

    def doubt(self, names: Mapping[str, str]) -> str:
        """What is left open, for people; `names` are those of the files by their ids."""
        shown = [f"{pattern} ({count})" for pattern, count in self.alternatives[:MAX_LISTED]]
        more = [f"{len(self.alternatives) - MAX_LISTED} more"] if len(self.alternatives) > MAX_LISTED else []
        masks, image = [names.get(each, each) for each in self.example[:-1]], self.example[-1]
        of_one = f"{join_names(masks)} are of {image}"
        return f"its images have masks that are called in several ways: {', '.join([*shown, *more])}; {of_one}"

    def choices(self) -> list[tuple[str, str]]:
        """Templates that say what the masks are, each with its meaning for people."""
        patterns = [pattern for pattern, _ in self.alternatives]
        texts = [(name_pattern.forced_pattern(patterns, CLASS), "each is of one class")]
        texts.append(
            (
                name_pattern.forced_pattern(patterns, PART) or name_pattern.forced_pattern(patterns, ANY),
                "they are parts of one mask and are joined",
            )
        )
        texts += [(each, THESE_AS_CLASSES) for each in self._of_one_folder(patterns)]
        texts += [(each, THESE_ONLY) for each in self._single(patterns)]
        return [(_both_sides(self.side, text), meaning) for text, meaning in texts if text]

    def _of_one_folder(self, patterns: Sequence[str]) -> list[str]:
        """The patterns of one folder as classes, where there are patterns of several folders."""
        folders = sorted({pattern.rpartition("/")[0] for pattern in patterns})
        own = [[pattern for pattern in patterns if pattern.rpartition("/")[0] == folder] for folder in folders]
        return [name_pattern.forced_pattern(each, CLASS) for each in own if len(each) > 1 and len(folders) > 1]

    def _single(self, patterns: Sequence[str]) -> list[str]:
        """The patterns by which most images have a mask, less those that another pattern matches too."""
        most = max((count for _, count in self.alternatives), default=0)
        often = [pattern for pattern, count in self.alternatives[:MAX_LISTED] if STEM in pattern and 2 * count >= most]
        return [pattern for pattern in often if not any(_fits(pattern, other) for other in patterns if other != pattern)]


Patterns = Mapping[str, Mapping[str, str]]
"""By pattern, such as `{stem}_cat`: the masks that are named so, each with its image."""


def infer(image_ids: Collection[str], mask_ids: Collection[str]) -> InferredTemplate | None:
    """What the names show, or None where most masks are of no image by their names.

    Names that all differ from their images' in the same way give a template of one mask an image. Where images have
    several, the names must distinguish classes or numbered parts.
    """
    images, masks = sorted(set(image_ids)), sorted(set(mask_ids))
    first = _patterns(Template(STEM, STEM, ""), images, masks)
    if masks and sum(map(len, first.values())) == len(masks):
        return _from_patterns(first, STEM)
    template, count = single(image_ids, mask_ids)
    for patterns, side in _all_patterns(first, images, masks):
        n_fitting = sum(map(len, patterns.values()))
        if n_fitting > count and 2 * n_fitting >= len(masks):
            return _from_patterns(patterns, side)
    return InferredTemplate(template, count) if count else None


def single(image_ids: Collection[str], mask_ids: Collection[str]) -> tuple[str, int]:
    """The template of one mask an image that fits most masks whose names differ from their images', and how many it fits.

    Empty and 0 for none.
    """
    stems = {_name(image_id) for image_id in image_ids}
    votes: Counter[str] = Counter()
    for name in sorted(map(_name, mask_ids)):
        stem = stem_inside(name, stems)
        if stem and not RESERVED_CHARACTERS & set(name):
            votes[_both_sides(STEM, name.replace(stem, STEM, 1))] += 1
    candidates = [template for template, _ in votes.most_common(MAX_TRIED)] + _by_ends(stems, {_name(each) for each in mask_ids})
    fitting = {template: _n_fitting(template, image_ids, mask_ids) for template in candidates}
    # the shortest of those that fit alike
    return max(fitting.items(), key=lambda vote: (vote[1], -len(vote[0]), vote[0]), default=("", 0))


def stem_inside(name: str, stems: Collection[str]) -> str:
    """The longest of the stems that the name contains, beginning and ending between words and numbers; empty for none."""
    parts = (name[start:end] for start, end in _parts(name))
    return max((part for part in parts if part in stems and part != name), key=len, default="")


def _undecided(patterns: Patterns, side: str, n_fitting: int) -> InferredTemplate:
    """All patterns as alternatives; the most common one alone where no image has several masks."""
    owned: dict[str, list[str]] = defaultdict(list)
    for masks in patterns.values():
        for mask_id, image_id in masks.items():
            owned[image_id].append(mask_id)
    alternatives = sorted(patterns, key=lambda pattern: (-len(set(patterns[pattern].values())), pattern))
    image_id, most = min(owned.items(), key=lambda own: (-len(own[1]), own[0]))
    if len(most) == 1:
        return InferredTemplate(_both_sides(side, alternatives[0]), len(patterns[alternatives[0]]))
    counted = tuple((pattern, len(set(patterns[pattern].values()))) for pattern in alternatives)
    return InferredTemplate("", n_fitting, (), counted, side, (*sorted(most), image_id))


def _both_sides(side: str, mask: str) -> str:
    """The template of both sides. photo.jpg.png: with one suffix alone it would be taken for the mask's own."""
    mask += ".png" if PurePosixPath(mask).suffix.lower() in SUFFIXES else ""
    return mask if side == STEM else f"{side} > {mask}"


def _fits(pattern: str, other: str) -> bool:
    """Whether a mask called as `other` is called as `pattern` too."""
    return parse(pattern).is_mask(other.replace(STEM, "x"), "")


def _all_patterns(first: Patterns, image_ids: Sequence[str], mask_ids: Sequence[str]) -> Iterator[tuple[Patterns, str]]:
    """What names say beside the images', which comes first, in folders of one image each, and beside pieces of images' names."""
    yield first, STEM
    yield _by_folder(image_ids, mask_ids), STEM
    for side in _image_sides({_name(each) for each in image_ids})[1:]:
        yield _patterns(Template(side, STEM, ""), image_ids, mask_ids), side


class Owners:
    """Finds the image whose name a file's own contains: `a_1` and `cat/a` belong to `a`."""

    def __init__(self, template: Template, image_ids: Iterable[str]) -> None:
        self._stems = _stems(template, image_ids)

    def patterns(self, file_id: str) -> set[tuple[str, str]]:
        """What the file's name says beside that of an image, such as `{stem}_cat`, with the image, for each that fits."""
        return set(_candidates(file_id, self._stems))

    def owner(self, file_id: str) -> str:
        """The id of the image whose stem is the longest in the file's name, empty for none."""
        found = {candidate for candidate in self.patterns(file_id) if candidate[1] != file_id}
        return min(found, key=lambda each: (len(each[0]), each), default=("", ""))[1]


def _from_patterns(patterns: Patterns, side: str) -> InferredTemplate:
    """The template of images with several masks, or its alternatives."""
    of_images = {pattern: frozenset(masks.values()) for pattern, masks in patterns.items()}
    n_fitting = sum(map(len, patterns.values()))
    holes = NamePattern(next(iter(patterns)), ()) if len(patterns) == 1 else infer_pattern(of_images)
    if holes is None:
        return _undecided(patterns, side, n_fitting)
    return InferredTemplate(_both_sides(side, holes.text), n_fitting, holes.classes)


def _patterns(template: Template, image_ids: Sequence[str], mask_ids: Sequence[str]) -> Patterns:
    """Of each mask that holds an image's stem the frame that is most common, and of these the shortest."""
    stems = _stems(template, image_ids)
    candidates = {mask_id: set(_candidates(mask_id, stems)) for mask_id in mask_ids if not RESERVED_CHARACTERS & set(mask_id)}
    counts = Counter(pattern for own in candidates.values() for pattern in {pattern for pattern, _ in own})
    patterns: dict[str, dict[str, str]] = defaultdict(dict)
    for mask_id, found in candidates.items():
        if found:
            pattern, image_id = max(found, key=lambda each: (counts[each[0]], -len(each[0]), each))
            patterns[pattern][mask_id] = image_id
    return patterns


def _stems(template: Template, image_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """The id of each image by its stem, in lower case, and its folder."""
    stems: dict[str, dict[str, str]] = defaultdict(dict)
    for folder, own in stems_of(template, image_ids).items():
        for stem, image_id in own.items():
            stems[_folded(stem)][folder] = image_id
    return stems


def _candidates(mask_id: str, stems: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Each frame that the mask's name may be, with the image that it is of then."""
    *folders, name = mask_id.split("/")
    folded = _folded(name)
    for start, end in _parts(name):
        own = stems.get(folded[start:end], {})
        for rest, folder in _folder_cuts(folders) if own else ():
            if folder in own:
                yield "/".join([*rest, name[:start] + STEM + name[end:]]), own[folder]
    for at, word in enumerate(folders):
        own = stems.get(_folded(word), {})
        for rest, folder in _folder_cuts([*folders[:at], STEM, *folders[at + 1 :]]) if own else ():
            if folder in own:
                yield "/".join([*rest, name]), own[folder]


def _folder_cuts(folders: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """Each piece of the folders, and the folder that is left without it."""
    yield (), "/".join(folders)
    for start, end in combinations(range(len(folders) + 1), 2):
        yield folders[start:end], "/".join([*folders[:start], *folders[end:]])


def _by_folder(image_ids: Sequence[str], mask_ids: Sequence[str]) -> Patterns:
    """Masks that lie where a single image does, in a folder of its own: their names alone; nothing where some lie elsewhere."""
    images: dict[str, list[str]] = defaultdict(list)
    for image_id in image_ids:
        images[image_id.rpartition("/")[0]].append(image_id)
    alone = {folder: own[0] for folder, own in images.items() if len(own) == 1 and _name(folder).lower() not in PARTS}
    elsewhere = any(each.rpartition("/")[0] not in alone or RESERVED_CHARACTERS & set(each) for each in mask_ids)
    if len(alone) < 2 or elsewhere:
        return {}
    patterns: dict[str, dict[str, str]] = defaultdict(dict)
    for mask_id in mask_ids:
        patterns[_name(mask_id)][mask_id] = alone[mask_id.rpartition("/")[0]]
    return {ANY: patterns.popitem()[1]} if len(patterns) == 1 else patterns


def _image_sides(names: Collection[str]) -> list[str]:
    """How images may be called: by a stem alone, or by one between what all of them begin and end with."""
    before, after = (
        _shared_ends(names) if len(names) > 1 and not any(RESERVED_CHARACTERS & set(each) for each in names) else ("", "")
    )
    return list(dict.fromkeys([STEM, f"{STEM}{after}", f"{before}{STEM}", f"{before}{STEM}{after}"]))


def _n_fitting(template: str, image_ids: Iterable[str], mask_ids: Collection[str]) -> int:
    parsed = parse(template)
    stems = stems_of(parsed, image_ids)
    return len({mask_id for mask_id in mask_ids if parsed.matches(mask_id, stems)})


def _name(any_id: str) -> str:
    return any_id.rpartition("/")[2]


def _folded(text: str) -> str:
    """The text in lower case, where each letter stays in its place."""
    folded = text.casefold()
    return folded if len(folded) == len(text) else text


def _parts(name: str) -> Iterator[tuple[int, int]]:
    """Where each part of a name begins and ends that cuts neither a word nor a number."""
    return combinations([at for at in range(len(name) + 1) if _is_end(name, at)], 2)


def _is_end(name: str, at: int) -> bool:
    """Whether a word or a number may begin or end here."""
    if at in (0, len(name)):
        return True
    left, right = name[at - 1], name[at]
    return not (left.isalpha() and right.isalpha()) and not (left.isdecimal() and right.isdecimal())


def _by_ends(image_names: Collection[str], mask_names: Collection[str]) -> list[str]:
    """The template of names that share all but their beginnings or ends: 21_photo and 21_manual1, img_7 and mask_7."""
    if min(len(image_names), len(mask_names)) < 2 or any(RESERVED_CHARACTERS & set(name) for name in (*image_names, *mask_names)):
        return []
    (before, after), (mask_before, mask_after) = _shared_ends(image_names), _shared_ends(mask_names)
    before, mask_before = ("", "") if before == mask_before else (before, mask_before)
    after, mask_after = ("", "") if after == mask_after else (after, mask_after)
    image, mask = f"{before}{STEM}{after}", f"{mask_before}{STEM}{mask_after}"
    return [] if image == mask else [mask if image == STEM else f"{image} > {mask}"]


def _shared_ends(names: Collection[str]) -> tuple[str, str]:
    """What all names begin and end with, no number in it cut."""
    before, after = _shared_start(names), _shared_start([name[::-1] for name in names])[::-1]
    return before.rstrip("0123456789"), after.lstrip("0123456789")


def _shared_start(names: Collection[str]) -> str:
    """What all names begin with: what the first and the last in order do."""
    first, last = min(names), max(names)
    length = next((at for at, letter in enumerate(first) if last[at : at + 1] != letter), len(first))
    return first[:length]
