"""Images and masks paired by their names, in two folders or one, and the likely cause where names do not meet."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segpipe.annotations.items import id_of, images_below, unannotated
from segpipe.annotations.masks import template as templates
from segpipe.annotations.masks.template import Template
from segpipe.errors import DataError, Fix

File = tuple[str, Path]
"""An id, which is the path less the folder's name and the suffix, and the file."""


@dataclass(frozen=True)
class Pair:
    """An image and its mask, if it has one."""

    id: str
    image: Path
    mask: Path | None


@dataclass(frozen=True)
class Files:
    """What lies in the two folders."""

    images: list[File]
    masks: list[File]


def files(root: Path, image_dir: str, mask_dir: str, template: Template) -> Files:
    """The images below folders `image_dir` and the masks below folders `mask_dir`; `.` is `root` itself.

    In folders that overlap a file is a mask where its name is that of another file's mask, or could only be one.
    JPEG counts as a mask: it must be refused rather than overlooked.
    """
    images, masks = list(_below(root, image_dir)), list(_below(root, mask_dir))
    image_paths, mask_paths = ({path for _, path in files} for files in (images, masks))
    if image_paths == mask_paths:
        wanted = {(template.mask_id(item_id), path.parent) for item_id, path in images if not template.only_by_suffix(path)}
        mask_paths = {path for item_id, path in masks if _is_mask(item_id, path, template, wanted)}
        image_paths -= mask_paths
    elif mask_paths < image_paths:
        image_paths -= mask_paths
    elif image_paths < mask_paths:
        mask_paths -= image_paths
    return Files([each for each in images if each[1] in image_paths], [each for each in masks if each[1] in mask_paths])


def pair(root: Path, found: Files, template: Template, rule: str) -> tuple[list[Pair], list[DataError]]:
    """Each image with its mask, and what is wrong. `rule` is data.unannotated; images that it leaves out are in no pair."""
    problems: list[DataError] = []
    masks: dict[str, Path] = {}
    others: dict[str, Path] = {}
    for item_id, path in found.masks:
        if not template.is_mask(item_id, path.suffix):
            others[item_id] = path
            continue
        if item_id in masks:
            what = "another mask has the same name up to its suffix"
            problems.append(DataError(_told(root, path), what, "Remove one of the two."))
        masks[item_id] = path
    # Two images of one name both get its mask: that they share a name is told, and neither is taken.
    pairs = [Pair(item_id, path, masks.get(template.mask_id(item_id) or "")) for item_id, path in found.images]
    used = {each.mask for each in pairs}
    masks = {item_id: path for item_id, path in masks.items() if path not in used}
    pairs, near = _by_case(root, pairs, masks, template)
    left = masks | others
    alone = {each.id for each in pairs if each.mask is None}
    proposed, n_fitting = templates.guess(alone, left) if alone and left else ("", 0)
    if n_fitting > len(pairs) - len(alone) and 2 * n_fitting >= len(left):
        return [each for each in pairs if each.mask], [
            *problems,
            *near,
            *(_renamed(root, path, proposed) for path in left.values()),
        ]
    kept = []
    for each in pairs:
        problem = None if each.mask else unannotated(_told(root, each.image), rule, "a mask")
        if problem:
            near.append(problem)
        elif each.mask or rule == "background":
            kept.append(each)
    extra = [DataError(_told(root, path), "a mask without an image", "Add its image, or remove it.") for path in masks.values()]
    return kept, [*problems, *near, *extra, *(_other_name(root, path) for path in others.values())]


def _below(root: Path, folder: str) -> Iterator[File]:
    """Image files below any folder of this name (or path), with their path less that folder and the suffix."""
    wanted = PurePosixPath(folder).parts
    for path in images_below(root):
        parts = path.relative_to(root).parts
        at = next(
            (at for at in range(len(parts)) if parts[at : at + len(wanted)] == wanted and at + len(wanted) < len(parts)), None
        )
        if at is not None:
            yield id_of(PurePosixPath(*parts[:at], *parts[at + len(wanted) :])), path


def _is_mask(item_id: str, path: Path, template: Template, wanted: set[tuple[str | None, Path]]) -> bool:
    """In one folder: whether the file is called as a mask, and, where only its suffix says so, an image asks for it."""
    return template.is_mask(item_id, path.suffix) and (not template.only_by_suffix(path) or (item_id, path.parent) in wanted)


def _by_case(root: Path, pairs: list[Pair], masks: dict[str, Path], template: Template) -> tuple[list[Pair], list[DataError]]:
    """Pairs images with masks that are called alike but for upper and lower case or the make-up of accents; with warnings.

    Only where one image and one mask are called so. Takes what it pairs out of `masks`.
    """
    near: dict[str, tuple[list[Pair], list[str]]] = defaultdict(lambda: ([], []))
    for each in pairs:
        if not each.mask:
            near[_plain(template.mask_id(each.id) or each.id)][0].append(each)
    for mask_id in masks:
        near[_plain(mask_id)][1].append(mask_id)
    found = {own[0].id: others[0] for own, others in near.values() if len(own) == len(others) == 1}
    what = "its mask's name differs in upper and lower case only, or in how an accent is written"
    remedy = "They are taken for a pair; give both one name."
    problems = [DataError(_told(root, each.image), what, remedy, warning=True) for each in pairs if each.id in found]
    return [Pair(each.id, each.image, masks.pop(found[each.id])) if each.id in found else each for each in pairs], problems


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _other_name(root: Path, path: Path) -> DataError:
    what = "in the folder of masks, but not called as data.masks.template says"
    return DataError(_told(root, path), what, "It is not looked at.", warning=True)


def _renamed(root: Path, path: Path, template: str) -> DataError:
    what = "a mask without an image of its name, but with one whose name differs as all others do"
    remedy = "Let data.masks.template say how masks are called."
    return DataError(_told(root, path), what, remedy, Fix("data.masks.template", template))


def _told(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
