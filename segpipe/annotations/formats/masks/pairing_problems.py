"""Images and masks that could not be paired by their names: what is wrong, and the line that pairs them where one is sure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.masks import infer_template
from segpipe.annotations.formats.masks.infer_template import InferredTemplate
from segpipe.annotations.formats.masks.name_pattern import MASK_WORDS, words_in
from segpipe.annotations.formats.masks.template import PART, STEM, Template, stems_of
from segpipe.annotations.items import join_names, unannotated
from segpipe.errors import DataError, Fix
from segpipe.record import BACKGROUND

File = tuple[str, Path]
"""An id, which is the path less the folder's name and the suffix, and the file."""
LISTED = "list all masks with their classes in pairs.csv in this folder (columns image, mask, class), and give the command again."


@dataclass(frozen=True)
class PairedMask:
    """A mask of an image, and the class that it is of, empty where it is the whole mask or a part of it."""

    path: Path
    class_name: str


@dataclass(frozen=True)
class Pair:
    """An image and its masks, none where it has none."""

    id: str
    image: Path
    masks: tuple[PairedMask, ...]


@dataclass(frozen=True)
class Naming:
    """How masks are called, the names that `{class}` may stand for, and data.unannotated."""

    template: Template
    classes: Collection[str]
    rule: str


def diagnose(
    root: Path, pairs: Sequence[Pair], unmatched: Sequence[File], others: Sequence[File], naming: Naming
) -> tuple[list[Pair], list[DataError]]:
    """The pairs to keep, and what is wrong with the others: images without mask, masks of no image.

    `unmatched` are called as masks are, `others` are in the folder of masks and are called otherwise.
    """
    without_mask = [each for each in pairs if not each.masks]
    spare = [*unmatched, *others]
    proposed = infer_template.infer([each.id for each in without_mask], [mask_id for mask_id, _ in spare])
    if proposed and proposed.n_fitting > len(pairs) - len(without_mask) and 2 * proposed.n_fitting >= len(spare):
        return [each for each in pairs if each.masks], [_other_template(_name(root, path), proposed) for _, path in spare]
    unknown = _unknown_classes(root, pairs, unmatched, naming.template)
    numbered = _numbered_masks(others, pairs, naming.template)
    further = _extra_masks(root, pairs, [*(each for each in unmatched if each[1] not in unknown), *numbered], naming.template)
    seen = {*unknown, *(path for path, _ in further)}
    kept, problems = [], [*unknown.values(), *dict.fromkeys(problem for _, problem in further)]
    for each in pairs:
        problem = None if each.masks or each.image in seen else unannotated(_name(root, each.image), naming.rule, "a mask")
        if problem:
            problems.append(problem)
        elif each.masks or (naming.rule == "background" and each.image not in seen):
            kept.append(each)
    extra = [
        DataError(_name(root, path), "a mask without an image", "Add its image, or remove it.")
        for _, path in unmatched
        if path not in seen
    ]
    return kept, [*problems, *extra, *(_other_name(_name(root, path)) for _, path in others if path not in seen)]


def _unknown_classes(root: Path, pairs: Sequence[Pair], unmatched: Sequence[File], template: Template) -> dict[Path, DataError]:
    """A problem for each file that is by its name the mask of a class which data.masks.classes does not name.

    Beside images, only files with the suffix that masks have there, and images have not.
    """
    if not template.by_class:
        return {}
    with_mask = {each.id: each for each in pairs if each.masks}
    stems = stems_of(template, (each.id for each in pairs))
    beside = [(each.id, each.image) for each in pairs if not each.masks]
    in_folder = {path for _, path in unmatched}
    problems = {}
    for item_id, path in (*unmatched, *beside):
        matches = {(stems[each.folder][each.stem], each.class_name) for each in template.matches(item_id, stems)}
        owners = [with_mask.get(image_id) for image_id, _ in matches if image_id != item_id]
        is_mask = path in in_folder or any(each and _is_beside(path, each) for each in owners)
        names = [name for image_id, name in matches if image_id != item_id]
        if names and is_mask:
            what = f'by its name a mask of "{min(names, key=lambda name: (len(name), name))}", no class of data.masks.classes'
            problems[path] = DataError(_name(root, path), what, "Name the class there, or remove the file.")
    return problems


def _numbered_masks(others: Sequence[File], pairs: Sequence[Pair], template: Template) -> list[File]:
    """The files that are called as masks and by a number, where the masks' own name says nothing but that they are masks."""
    ending = words_in(template.mask.rpartition(STEM)[2])
    if not ending or not ending <= MASK_WORDS:
        return []
    numbered = replace(template, mask=template.mask + PART)
    stems = stems_of(numbered, (each.id for each in pairs))
    return [each for each in others if numbered.is_mask(each[0], each[1].suffix) and numbered.matches(each[0], stems)]


def _is_beside(path: Path, owner: Pair) -> bool:
    mask = owner.masks[0].path
    return path.parent == mask.parent and path.suffix == mask.suffix != owner.image.suffix


def _extra_masks(
    root: Path, pairs: Sequence[Pair], unmatched: Sequence[File], template: Template
) -> list[tuple[Path, DataError]]:
    """Each file that seems to be one more mask of an image that has one, with the problem, which names all of this image."""
    owned = {each.id: each for each in pairs if each.masks}
    of_image = infer_template.Owners(template, owned)
    masks = {each.masks[0].path.relative_to(root).with_suffix("").as_posix(): each for each in owned.values()}
    renamed = [name for name, own in masks.items() if PurePosixPath(name).name != own.image.stem]
    of_mask = infer_template.Owners(replace(template, image=STEM), renamed)
    more: dict[str, list[File]] = defaultdict(list)
    for item_id, path in unmatched:
        owner = of_image.owner(item_id)
        if owner:
            more[owner].append((item_id, path))
    for each in pairs:
        mask = "" if each.masks else of_mask.owner(each.image.relative_to(root).with_suffix("").as_posix())
        if mask:
            more[masks[mask].id].append((each.id, each.image))
    return [
        (path, problem) for owner, own in more.items() for path, problem in _extra_masks_of_one(root, owned[owner], own, template)
    ]


def _extra_masks_of_one(root: Path, owner: Pair, more: Sequence[File], template: Template) -> list[tuple[Path, DataError]]:
    """The problem of an image's mask and further ones, with the line that joins them where these have its name and a number."""
    names = join_names([_name(root, path) for path in (owner.masks[0].path, *(path for _, path in more))])
    what = "by their names masks of one image, which nothing joins"
    numbered = replace(template, mask=template.mask + PART)
    stems = stems_of(numbered, [owner.id])
    ending = template.mask.rpartition(STEM)[2]
    if words_in(ending) and all(numbered.matches(item_id, stems) for item_id, _ in more):
        side = "" if numbered.image == STEM else f"{numbered.image} > "
        text = f"{side}{numbered.mask}{numbered.suffix}"
        fix = Fix("data.masks.template", text)
        problem = DataError(names, what, "To join them, let data.masks.template say so; or remove all but one.", fix)
    else:
        problem = DataError(names, what, f"Remove all but one, add the images that they belong to, or {LISTED}")
    return [(path, problem) for _, path in more]


def _other_template(name: str, proposed: InferredTemplate) -> DataError:
    """The problem of a mask where all are called otherwise than data.masks.template says, but in a way that can be seen."""
    fix = Fix("data.masks.template", proposed.template)
    if proposed.alternatives:
        choices = " or ".join(f"{text} ({meaning})" for text, meaning in proposed.choices())
        remedy = f"Let data.masks.template be {choices}" if choices else "Remove those that are no masks"
        return DataError(name, proposed.doubt({}), f"{remedy}, or {LISTED}")
    if proposed.classes:
        what = f"a mask of one class, as its name says, where each image has several: {', '.join(proposed.classes)}"
        names = Fix("data.masks.classes", (BACKGROUND, *proposed.classes))
        remedy = "Let data.masks.template say how masks are called."
        return DataError(name, what, remedy, (fix, names, Fix("data.masks.values", "binary")))
    what = "a mask without an image of its name, but with one whose name differs as all others do"
    return DataError(name, what, "Let data.masks.template say how masks are called.", fix)


def _other_name(name: str) -> DataError:
    what = "in the folder of masks, but not called as data.masks.template says"
    return DataError(name, what, "It is not looked at.", warning=True)


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
