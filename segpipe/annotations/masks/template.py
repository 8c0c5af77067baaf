"""How a mask is called after its image: `{stem}_mask`, or both sides as `{stem}_photo > {stem}_mask`."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath

from segpipe.errors import PipelineError
from segpipe.images import SUFFIXES

STEM = "{stem}"
TRIED = 8


@dataclass(frozen=True)
class Template:
    """Both names without suffix, with `{stem}` in them. `suffix` is the masks' own, in lower case, empty for any."""

    image: str
    mask: str
    suffix: str

    def mask_id(self, image_id: str) -> str | None:
        """The id (path without suffix) of the mask of an image, or None where the image is not called so."""
        stem = _stem(self.image, image_id)
        folder = image_id.rpartition("/")[0]
        return None if stem is None else f"{folder}/{self.mask}".lstrip("/").replace(STEM, stem)

    def is_mask(self, mask_id: str, suffix: str) -> bool:
        """Whether a file may be a mask, by its name alone."""
        depth = self.mask.count("/") + 1
        name = "/".join(mask_id.split("/")[-depth:])
        pattern = "(.+)".join(map(re.escape, self.mask.split(STEM)))
        return self.suffix in ("", suffix.lower()) and re.fullmatch(pattern, name, re.DOTALL) is not None

    def only_by_suffix(self, path: Path) -> bool:
        """Whether a file's suffix alone makes it a mask: its image is called the same."""
        return self.mask == STEM and path.suffix.lower() == self.suffix

    @property
    def renames(self) -> bool:
        """Whether masks are called otherwise than their images."""
        return (self.image, self.mask, self.suffix) != (STEM, STEM, "")


def parse(text: str) -> Template:
    """The template that data.masks.template writes. Raises PipelineError where it is none."""
    image, arrow, mask = (side.strip() for side in text.rpartition(">"))
    image = image if arrow else STEM
    suffix = PurePosixPath(mask).suffix.lower()
    suffix = suffix if suffix in SUFFIXES else ""
    mask = mask[: len(mask) - len(suffix)]
    bad_path = mask.startswith("/") or "\\" in mask or "/" in image or ".." in PurePosixPath(mask).parts
    if bad_path or any(side.count(STEM) < 1 or set("{}") & set(side.replace(STEM, "")) for side in (image, mask)):
        example = 'Write {stem} where the image\'s name stands, as in "{stem}_mask" or "{stem}_photo > {stem}_mask".'
        raise PipelineError(f'data.masks.template: "{text}" is no name of a mask. {example}')
    if image.count(STEM) > 1:
        raise PipelineError(f'data.masks.template: "{text}" has {{stem}} twice on the side of the image. Write it once.')
    return Template(image, mask, suffix)


def guess(image_ids: Collection[str], mask_ids: Collection[str]) -> tuple[str, int]:
    """The template that fits most masks whose names differ from their images', and how many it fits; empty and 0 for none."""
    stems = {_name(image_id) for image_id in image_ids}
    votes: Counter[str] = Counter()
    for name in sorted(map(_name, mask_ids)):
        stem = _longest_inside(name, stems)
        if stem and not set("{}>") & set(name):
            template = name.replace(stem, STEM, 1)
            # photo.jpg.png: with one suffix alone it would be taken for the mask's own.
            votes[template + (".png" if PurePosixPath(template).suffix.lower() in SUFFIXES else "")] += 1
    candidates = [template for template, _ in votes.most_common(TRIED)] + _by_ends(stems, {_name(each) for each in mask_ids})
    fitting = {template: _n_fitting(template, image_ids, mask_ids) for template in candidates}
    return max(fitting.items(), key=lambda vote: (vote[1], -len(vote[0]), vote[0]), default=("", 0))


def _n_fitting(template: str, image_ids: Iterable[str], mask_ids: Collection[str]) -> int:
    parsed = parse(template)
    return len({parsed.mask_id(image_id) for image_id in image_ids} & set(mask_ids))


def _name(any_id: str) -> str:
    return any_id.rpartition("/")[2]


def _stem(pattern: str, image_id: str) -> str | None:
    name = image_id.rpartition("/")[2]
    before, after = pattern.split(STEM)
    fits = name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
    return name[len(before) : len(name) - len(after)] if fits else None


def _longest_inside(name: str, stems: Collection[str]) -> str:
    """The longest of the stems that stands in the name, neither in the middle of a word nor of a number; empty for none."""
    ends = [at for at in range(len(name) + 1) if _is_end(name, at)]
    parts = [name[start:end] for start, end in combinations(ends, 2)]
    return max((part for part in parts if part in stems and part != name), key=len, default="")


def _is_end(name: str, at: int) -> bool:
    """Whether a word or a number may begin or end here."""
    if at in (0, len(name)):
        return True
    left, right = name[at - 1], name[at]
    return not (left.isalpha() and right.isalpha()) and not (left.isdecimal() and right.isdecimal())


def _by_ends(image_names: Collection[str], mask_names: Collection[str]) -> list[str]:
    """The template of names that share all but their beginnings or ends: 21_photo and 21_manual1, img_7 and mask_7."""
    if min(len(image_names), len(mask_names)) < 2 or any(set("{}>") & set(name) for name in (*image_names, *mask_names)):
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
