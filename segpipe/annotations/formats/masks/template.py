"""How masks are named after their images: `{stem}_mask`, `{stem}_{class}`, or both sides as `{stem}_photo > {stem}_mask`."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from segpipe.errors import PipelineError
from segpipe.images.decode import SUFFIXES

STEM, CLASS, PART, ANY = "{stem}", "{class}", "{part}", "{any}"
PLACEHOLDERS = re.compile(r"(\{stem\}|\{class\}|\{part\}|\{any\})")
NUMBER = re.compile(r"(?:[-_. ]+[(\[]?|(?<![0-9])[(\[]?)[0-9]+[)\]]?")
"""What `{part}` stands for, if not for nothing: _1, -02, (3), and 4 behind a letter."""
EXAMPLE = (
    'Write {stem} where the image\'s name stands, as in "{stem}_mask" or "{stem}_photo > {stem}_mask", and if you like '
    "{class}, {part} (a number) and {any}."
)


@dataclass(frozen=True)
class NameMatch:
    """A mask's name taken apart: the image's folder and its stem under the template, and the class, empty for none."""

    folder: str
    stem: str
    class_name: str


@dataclass(frozen=True)
class Template:
    """Both names without suffix. `suffix` is the masks' own, in lower case, empty for any."""

    image: str
    mask: str
    suffix: str

    @property
    def by_class(self) -> bool:
        """Whether each mask is of one class, which its name says."""
        return CLASS in self.mask

    @property
    def joins(self) -> bool:
        """Whether several masks may be called so for one image and class: they are its parts."""
        return PART in self.mask or ANY in self.mask

    @property
    def renames(self) -> bool:
        """Whether masks are called otherwise than their images."""
        return (self.image, self.mask, self.suffix) != (STEM, STEM, "")

    def is_open(self, classes: Collection[str] | None) -> bool:
        """Whether any file could be called so: no word stands in the name, and no class is known for it."""
        has_words = any(letter.isalpha() for letter in PLACEHOLDERS.sub("", self.mask))
        return (self.joins or self.by_class) and not has_words and not (self.by_class and classes)

    def split_id(self, image_id: str) -> tuple[str, str] | None:
        """The folder and the stem of an image, or None where it is not called so."""
        folder, _, name = image_id.rpartition("/")
        before, after = self.image.split(STEM)
        fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
        return (folder, name[len(before) : len(name) - len(after)]) if fits else None

    def matches(
        self, mask_id: str, stems: Mapping[str, Collection[str]], classes: Collection[str] | None = None
    ) -> set[NameMatch]:
        """All ways to match the name of a mask, where `stems` are those of the images by folder.

        `classes` are the names that `{class}` may stand for; None for any. Folders of the template may stand above or
        below those that the image is in: masks/train/cat/a and masks/cat/train/a are both of train/a.
        """
        *folders, name = mask_id.split("/")
        depth = self.mask.count("/")
        found = set()
        # Which of the mask's folders are the template's; the others are the image's.
        for at in range(len(folders) - depth + 1) if depth else (0,):
            folder = "/".join(folders[:at] + folders[at + depth :] if depth else folders)
            text = "/".join([*folders[at : at + depth], name] if depth else [name])
            for stem, class_name in _matches(_tokens(self.mask), text, 0, stems.get(folder, ()), classes, None, None):
                found.add(NameMatch(folder, stem, class_name))
        return found

    def is_mask(self, mask_id: str, suffix: str, classes: Collection[str] | None = None) -> bool:
        """Whether a file may be a mask, by its name alone."""
        depth = self.mask.count("/") + 1
        parts = mask_id.split("/")
        pattern = _pattern(self.mask, None if classes is None else frozenset(classes))
        names = ("/".join([*parts[at : at + depth - 1], parts[-1]]) for at in range(len(parts) - depth + 1))
        return self.suffix in ("", suffix.lower()) and any(pattern.fullmatch(name) for name in names)

    def only_by_suffix(self, suffix: str) -> bool:
        """Whether a file's suffix alone makes it a mask: its image is called the same."""
        return self.mask == STEM and suffix.lower() == self.suffix


def parse(text: str) -> Template:
    """The template that data.masks.template writes. Raises PipelineError where it is none."""
    image, arrow, mask = (side.strip() for side in text.rpartition(">"))
    image = image if arrow else STEM
    suffix = PurePosixPath(mask).suffix.lower()
    suffix = suffix if suffix in SUFFIXES else ""
    mask = mask[: len(mask) - len(suffix)]
    bad_path = mask.startswith("/") or "\\" in mask or "/" in image or ".." in PurePosixPath(mask).parts
    strange = any(set("{}") & set(PLACEHOLDERS.sub("", side)) for side in (image, mask))
    if bad_path or strange or STEM not in image or not PLACEHOLDERS.search(mask):
        raise PipelineError(f'data.masks.template: "{text}" is no name of a mask. {EXAMPLE}')
    if image.count(STEM) > 1:
        raise PipelineError(f'data.masks.template: "{text}" has {{stem}} twice on the side of the image. Write it once.')
    if PLACEHOLDERS.findall(image) != [STEM]:
        what = f'"{text}" has more than {{stem}} on the side of the image'
        raise PipelineError(f"data.masks.template: {what}. Only masks are told apart by {{class}}, {{part}} and {{any}}.")
    return Template(image, mask, suffix)


def stems_of(template: Template, image_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """By folder and stem, the id of each image that is called as the template says."""
    stems: dict[str, dict[str, str]] = {}
    for image_id in image_ids:
        place = template.split_id(image_id)
        if place:
            stems.setdefault(place[0], {})[place[1]] = image_id
    return stems


@lru_cache
def _tokens(mask: str) -> tuple[str, ...]:
    return tuple(token for token in PLACEHOLDERS.split(mask) if token)


@lru_cache
def _pattern(mask: str, classes: frozenset[str] | None) -> re.Pattern[str]:
    """What the name of any mask fits."""
    name = "[^/]+" if classes is None else "|".join(map(re.escape, sorted(classes))) or "(?!)"  # no class at all matches nothing
    placeholders = {STEM: "(.+)", CLASS: f"(?:{name})", PART: f"(?:{NUMBER.pattern})?", ANY: "[^/]+"}
    return re.compile("".join(placeholders.get(token) or re.escape(token) for token in _tokens(mask)), re.DOTALL)


def _matches(
    tokens: tuple[str, ...],
    text: str,
    at: int,
    stems: Collection[str],
    classes: Collection[str] | None,
    stem: str | None,
    class_name: str | None,
) -> Iterator[tuple[str, str]]:
    """Each stem and class with which the tokens say the text from `at` on; all stems where the tokens name none."""
    if not tokens:
        if at == len(text):
            yield from ((each, class_name or "") for each in (stems if stem is None else (stem,)))
        return
    head, rest = tokens[0], tokens[1:]
    known = {STEM: stem, CLASS: class_name}.get(head)
    for word in (known,) if known is not None else _candidates(head, text, at, stems, classes):
        if text.startswith(word, at):
            own = (word if head == STEM else stem), (word if head == CLASS else class_name)
            yield from _matches(rest, text, at + len(word), stems, classes, *own)


def _candidates(head: str, text: str, at: int, stems: Collection[str], classes: Collection[str] | None) -> Iterator[str]:
    """What a token may stand for at this place."""
    if head == PART:
        number = NUMBER.match(text, at)
        yield from ("", number[0]) if number else ("",)
    elif head in (STEM, CLASS, ANY):
        allowed = {STEM: stems, CLASS: classes}.get(head)
        for end in range(at + 1, len(text) + 1):
            word = text[at:end]
            if "/" not in word and (allowed is None or word in allowed):
                yield word
    else:
        yield head
