"""Images and masks paired by their names, in two folders or one."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.masks import folder_names, pairing_problems
from segpipe.annotations.formats.masks.pairing_problems import File, Naming, Pair, PairedMask
from segpipe.annotations.formats.masks.template import NameMatch, Template, stems_of
from segpipe.annotations.items import id_of, images_below, join_names
from segpipe.errors import DataError

Stems = Mapping[str, Mapping[str, str]]
"""The id of each image by its folder and its stem under the template."""
Owned = dict[str, list[PairedMask]]
"""The masks of each image by its id."""


@dataclass(frozen=True)
class Files:
    """What lies in the two folders."""

    images: list[File]
    masks: list[File]


def files(root: Path, image_dir: str, mask_dir: str, template: Template, classes: Collection[str] | None = None) -> Files:
    """The images below folders `image_dir` and the masks below folders `mask_dir`; `.` is `root` itself.

    In folders that overlap a file is a mask where its name is that of another file's mask, or could only be one: of one of
    the `classes`, where these are given. JPEG counts as a mask: it must be refused rather than overlooked.
    """
    images, masks = list(below(root, image_dir)), list(below(root, mask_dir))
    image_paths, mask_paths = ({path for _, path in files} for files in (images, masks))
    if image_paths == mask_paths:
        mask_paths = _masks_among(images, template, classes)
        image_paths -= mask_paths
    elif mask_paths < image_paths:
        image_paths -= mask_paths
    elif image_paths < mask_paths:
        mask_paths -= image_paths
    return Files([each for each in images if each[1] in image_paths], [each for each in masks if each[1] in mask_paths])


def pair(root: Path, found: Files, naming: Naming) -> tuple[list[Pair], list[DataError]]:
    """Each image with its masks, and what is wrong. Images that data.unannotated leaves out are in no pair."""
    template = naming.template
    called = [each for each in found.masks if template.is_mask(each[0], each[1].suffix)]
    others = [each for each in found.masks if not template.is_mask(each[0], each[1].suffix)]
    owned, unmatched, problems = _masks_by_image(
        root, called, stems_of(template, (item_id for item_id, _ in found.images)), naming
    )
    near, unmatched, warnings = _by_case(root, found.images, owned, unmatched, naming)
    owned |= near
    # Two images of one name both get its mask: that they share a name is reported as an error, so neither is used.
    pairs = [Pair(item_id, path, tuple(owned.get(item_id, ()))) for item_id, path in found.images]
    kept, unpaired = pairing_problems.diagnose(root, pairs, unmatched, others, naming)
    return kept, [*problems, *_duplicate_masks(root, owned, template), *warnings, *unpaired]


def below(root: Path, folder: str) -> Iterator[File]:
    """Image files below any folder of this name (or path), with their path less that folder and the suffix."""
    for path in images_below(root):
        parts = folder_names.strip_folder(path.relative_to(root).parts, folder)
        if parts:
            yield id_of(PurePosixPath(*parts)), path


def _masks_among(files: Sequence[File], template: Template, classes: Collection[str] | None) -> set[Path]:
    """The files of one folder that are called as masks, and, where only their suffix says so, for which an image asks.

    A name that any file could have, such as that of `{stem}_{any}`, makes one a mask only where it is that of another's mask.
    """
    wanted = {(item_id, path.parent) for item_id, path in files if not template.only_by_suffix(path.suffix)}
    stems = stems_of(template, (item_id for item_id, _ in files)) if template.is_open(classes) else None
    found = set()
    for item_id, path in files:
        is_called = template.is_mask(item_id, path.suffix, classes)
        if is_called and template.only_by_suffix(path.suffix):
            is_called = (item_id, path.parent) in wanted
        elif is_called and stems is not None:
            owners = {stems[each.folder][each.stem] for each in template.matches(item_id, stems, classes)}
            is_called = bool(owners - {item_id})
        found |= {path} if is_called else set()
    return found


def _masks_by_image(root: Path, masks: Iterable[File], stems: Stems, naming: Naming) -> tuple[Owned, list[File], list[DataError]]:
    """The masks of each image, those of none, and a problem for each whose name fits several images or classes."""
    owned: Owned = defaultdict(list)
    unmatched: list[File] = []
    problems: list[DataError] = []
    for mask_id, path in masks:
        matches = naming.template.matches(mask_id, stems, naming.classes)
        if len(matches) == 1:
            match = matches.pop()
            owned[stems[match.folder][match.stem]].append(PairedMask(path, match.class_name))
        elif matches:
            problems.append(_ambiguous(path.relative_to(root).as_posix(), matches, stems))
        else:
            unmatched.append((mask_id, path))
    return owned, unmatched, problems


def _ambiguous(name: str, matches: Collection[NameMatch], stems: Stems) -> DataError:
    """The problem of a mask whose name fits several images or classes."""
    fitting = sorted((stems[each.folder][each.stem], each.class_name) for each in matches)
    what = f"its name fits {join_names([f'{image}, class {name}' if name else image for image, name in fitting])}"
    return DataError(name, what, "Rename it, or list the pairs in a file that data.masks.pairs names.")


def _duplicate_masks(root: Path, owned: Owned, template: Template) -> list[DataError]:
    """A problem for masks of one image, and of one class, that nothing joins."""
    problems = []
    for masks in owned.values():
        same_name: dict[object, list[str]] = defaultdict(list)
        for each in masks:
            same_name[each.path.with_suffix("") if template.joins else each.class_name].append(
                each.path.relative_to(root).as_posix()
            )
        for names in same_name.values():
            same = len({name.rpartition("/")[0] for name in names}) == 1
            what = f"masks of one image and of the same name{' up to its suffix' if same else ''}"
            if len(names) > 1:
                problems.append(DataError(join_names(names), what, "Remove all but one of them."))
    return problems


def _by_case(
    root: Path, images: Sequence[File], owned: Owned, unmatched: list[File], naming: Naming
) -> tuple[Owned, list[File], list[DataError]]:
    """Pairs images with masks whose names differ in case or in the composition of accents only; with warnings.

    Only where one image without mask and, unless the template has several masks for an image, one mask are called so.
    """
    folded: dict[str, list[str]] = defaultdict(list)
    for item_id in dict.fromkeys(item_id for item_id, _ in images if not owned.get(item_id)):
        folded[_plain(item_id)].append(item_id)
    template = replace(naming.template, image=_plain(naming.template.image), mask=_plain(naming.template.mask))
    names = {_plain(name): name for name in naming.classes}
    stems = stems_of(template, folded)
    near: dict[str, list[PairedMask]] = defaultdict(list)
    for mask_id, path in unmatched:
        matches = template.matches(_plain(mask_id), stems, names)
        if len(matches) == 1:
            match = matches.pop()
            near[stems[match.folder][match.stem]].append(PairedMask(path, names.get(match.class_name, "")))
    several = template.by_class or template.joins
    found = {folded[key][0]: own for key, own in near.items() if len(folded[key]) == 1 and (len(own) == 1 or several)}
    taken = {each.path for own in found.values() for each in own}
    what = "its mask's name differs in upper and lower case only, or in how an accent is written"
    remedy = "They are taken for a pair; give both one name."
    problems = [
        DataError(path.relative_to(root).as_posix(), what, remedy, warning=True) for item_id, path in images if item_id in found
    ]
    return found, [each for each in unmatched if each[1] not in taken], problems


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())  # casefold can take a composition apart
