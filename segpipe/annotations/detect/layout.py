"""Detects the format of a folder: by the files that are there and by matching names, not by folder names alone."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from segpipe.annotations import foreign_files
from segpipe.annotations.detect import label_studio, mask_folders, nnunet
from segpipe.annotations.detect.infer_classes import VOC
from segpipe.annotations.detect.mask_folders import IMAGE_NAMES, MASK_NAMES, PAIRS, MaskFolders
from segpipe.annotations.formats.coco import file as coco
from segpipe.annotations.formats.labelme.json_file import NOT_LABELME, SAVE_AGAIN, read_json
from segpipe.annotations.formats.masks import colour_table
from segpipe.annotations.formats.masks.name_pattern import VARIANT_WORDS, words_in
from segpipe.annotations.formats.masks.template import CLASS, STEM, parse
from segpipe.annotations.formats.voc.tree import LABELMAP
from segpipe.annotations.formats.yolo import source as yolo
from segpipe.annotations.items import files_below, images_below
from segpipe.errors import DataError, PipelineError
from segpipe.images.unsupported import POINTER, is_pointer, kind_of_name

Kind = Literal["labelme", "masks", "voc", "coco", "yolo"]
MAX_TRIED = 8
"""JSON files that are opened to find out which program wrote them."""
EXPECTED = """Expected one of these:
  labelme  photo.jpg and photo.json side by side, flat or below train/, val/, test/
  masks    images/photo.jpg and masks/photo.png: class ids, black and white, or colours; or photo.jpg beside photo_mask.png;
           or one mask a class: masks/photo_cat.png and masks/photo_dog.png, or masks/cat/photo.png and masks/dog/photo.png
  voc      JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/train.txt and val.txt
  coco     images anywhere, and COCO JSON of instances such as annotations/instances_train.json
  yolo     images/photo.jpg and labels/photo.txt with polygons, and data.yaml with the names
Folders of other names: --kind masks --image-dir NAME --mask-dir NAME."""


@dataclass(frozen=True)
class Layout:
    """A format, and for `masks` the names of the two folders, how masks are called, or the list that pairs them.

    `classes` are those in the names of masks of one class each, or in the list; empty where values decide.
    """

    kind: Kind
    image_dir: str = ""
    mask_dir: str = ""
    template: str = STEM
    pairs: str = "none"
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind != "masks":
            return self.kind
        return str(MaskFolders(self.image_dir, self.mask_dir, self.template, self.pairs))

    @property
    def joins(self) -> bool:
        """Whether an image may have several masks."""
        return bool(self.classes) or (self.kind == "masks" and parse(self.template).joins)


def recognise(
    root: Path, kind: Kind | None = None, image_dir: str = "", mask_dir: str = "", template: str = "", pairs: str = "none"
) -> Layout:
    """The layout of a folder, or of a tar of VOC. A `kind` decides between several that fit, the two names between folders.

    A `template` says how masks are called, `pairs` names a list of them. Raises PipelineError where none or several fit, or
    where the names of masks leave open what they are; it lists what is there and what was expected.
    """
    if bool(image_dir) != bool(mask_dir) or ((image_dir or template) and kind not in (None, "masks")):
        raise PipelineError("--image-dir and --mask-dir belong together, and like --template to --kind masks.")
    if pairs != "none":
        return _without_doubt(root, mask_folders.listed(root, pairs))
    if image_dir:
        return _without_doubt(root, mask_folders.naming_between(root, image_dir, mask_dir, template))
    if root.is_file():
        return Layout("voc")
    fitting = [each for each in _candidates(root, "masks" if template else kind, template) if kind in (None, _kind(each))]
    if len(fitting) == 1:
        found = _without_doubt(root, fitting[0])
        rival = mask_folders.rival(root, fitting[0]) if isinstance(fitting[0], MaskFolders) and not template else ""
        if rival:
            raise PipelineError(_two_kinds_of_masks(root, found, rival))
        return found
    if not fitting and template:
        what = f'no mask is called "{template}" after an image, in folders whose names tell images from masks'
        raise PipelineError(f"{root}: {what}. Correct the template, or name the two folders as well.")
    if not fitting:
        raise PipelineError(_nothing_fits(root, kind))
    names = "; ".join(map(str, fitting))
    raise PipelineError(f"{root}: fits several layouts ({names}). Say {_how_to_choose(fitting)}.")


def _without_doubt(root: Path, found: Layout | MaskFolders) -> Layout:
    """The layout. Raises PipelineError where the names of masks leave open what they are."""
    if isinstance(found, Layout):
        return found
    if found.doubt:
        raise PipelineError(f"{root}: {found}: {found.doubt}")
    return Layout("masks", found.image_dir, found.mask_dir, found.template, found.pairs, found.classes)


def _two_kinds_of_masks(root: Path, found: Layout, rival: str) -> str:
    """Two folders of masks beside one of images, such as vessels and the field of view of a retina."""
    what = f'the folders "{found.mask_dir}" and "{rival}" both may hold the masks of "{found.image_dir}"'
    own = f"--image-dir {shlex.quote(found.image_dir)} --mask-dir {shlex.quote(found.mask_dir)}"
    remedy = f"For the first add {own}; for the second list them in {PAIRS} in this folder: image,mask, a line an image"
    return f"{root}: {what}. {remedy}."


def _kind(found: Layout | MaskFolders) -> Kind:
    return found.kind if isinstance(found, Layout) else "masks"


def _how_to_choose(fitting: Sequence[Layout | MaskFolders]) -> str:
    """What to say where several layouts fit, and where these are folders of masks that may be classes, how to read all."""
    folders = [each for each in fitting if isinstance(each, MaskFolders)]
    if len(folders) < len(fitting):
        return "which, with --kind"
    both = "which folders, with --image-dir NAME --mask-dir NAME"
    images = {each.image_dir for each in folders}
    plain = all(
        "/" not in each.mask_dir and each.template == STEM and words_in(each.mask_dir) - VARIANT_WORDS for each in folders
    )
    if len(images) > 1 or not plain:
        return both
    whole = MaskFolders(images.pop(), ".", f"{CLASS}/{STEM}")
    return f"{both}; or, where each folder holds the masks of one class, {whole.as_init} or {whole.as_convert}"


def _candidates(root: Path, kind: Kind | None, template: str) -> Sequence[Layout | MaskFolders]:
    """All layouts that fit. A VOC tree's folders would fit as masks too, but its lists say more.

    Raises PipelineError for masks whose names say nothing of their images.
    """
    is_voc = any(root.rglob("ImageSets/Segmentation/*.txt")) and any(root.rglob("SegmentationClass/*"))
    is_voc = is_voc or (any(root.glob("*.tar")) and not any(images_below(root)))
    by_shapes = _shape_layouts(root)
    if is_voc and kind != "masks":
        own = _in_colours(root) if kind is None else None
        return [*by_shapes, own or Layout("voc")]
    nameless = "" if template or (root / PAIRS).is_file() else label_studio.hint(root, PAIRS)
    if nameless and kind in (None, "masks") and not by_shapes:
        raise PipelineError(f"{root}: {nameless}")
    # Beside JSON with outlines, pictures of other names are previews rather than masks.
    return [*by_shapes, *mask_folders.candidates(root, bool(by_shapes) and kind != "masks", template)]


def _in_colours(root: Path) -> Layout | None:
    """The folders of a VOC tree whose labelmap.txt gives other classes than VOC's a colour each, as CVAT exports them.

    Raises PipelineError where it lies deeper: its lists name the images from there on.
    """
    tree = next((path.parents[2] for path in sorted(root.rglob("ImageSets/Segmentation/*.txt"))), root)
    try:
        table = colour_table.read(tree) if (tree / LABELMAP).is_file() else None
    except PipelineError:  # another program's file of this name
        return None
    if table is None or tuple(table.names.values())[: len(VOC)] == VOC:
        return None
    if tree != root:
        what = f"in {tree.relative_to(root).as_posix()} lies a VOC tree in the colours of its {LABELMAP}"
        raise PipelineError(f"{root}: {what}. Give that folder: {tree}")
    return Layout("masks", "JPEGImages", "SegmentationClass")


def _shape_layouts(root: Path) -> list[Layout]:
    """Layouts with outlines in JSON or text files."""
    listings = {path for path in files_below(root, (".json",)) if coco.is_coco(path)}
    is_labelme = any(_is_labelme(path) for path in files_below(root, (".json",)) if path not in listings)
    fitting: tuple[tuple[Kind, bool], ...] = (
        ("labelme", is_labelme),
        ("coco", bool(listings)),
        ("yolo", yolo.is_yolo(root)),
    )
    return [Layout(kind) for kind, fits in fitting if fits]


def _is_labelme(path: Path) -> bool:
    try:
        read_json(path.read_bytes(), path.name)
    except DataError:
        return False
    return True


def _nothing_fits(root: Path, kind: Kind | None) -> str:
    """What is there and what was expected."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    if not files:
        return f"{root}: an empty folder.\n{EXPECTED}"
    suffixes = Counter(path.suffix.lower() or "without suffix" for path in files)
    folders = sorted({path.parent.relative_to(root).as_posix() for path in files} - {"."})
    found = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(6))
    where = f" in the folders {', '.join(folders[:8])}{' ...' if len(folders) > 8 else ''}" if folders else ""
    lines = [f"{root}: {'no annotated images' if kind is None else f'nothing of the kind {kind}'} in it. Found {found}{where}."]
    return "\n".join([*lines, *_hints(root, files, kind), EXPECTED])


def _hints(root: Path, files: Iterable[Path], kind: Kind | None) -> list[str]:
    """Sentences on what comes near: JSON of another kind, two folders whose files are named differently, links."""
    hints = []
    others = list(islice((path for path in files if path.suffix.lower() == ".json" and not _is_labelme(path)), MAX_TRIED))
    # One whose program is known says more than a file of settings that comes first.
    other = next((path for path in others if foreign_files.program_of_file(path)), others[0] if others else None)
    if other:
        hints.append(_why_not(other, other.relative_to(root).as_posix(), kind))
    first = {path.parent.name.lower(): path.relative_to(root) for path in reversed([*images_below(root)])}
    image, mask = (next((first[name] for name in names if name in first), None) for names in (IMAGE_NAMES, MASK_NAMES))
    if image and mask:
        hints.append(f"{image} and {mask}: no rule leads from the images' names to the masks'. Pair them in {PAIRS}.")
    channels = nnunet.multi_channel_hint(root, images_below(root))
    hints += [channels] if channels else []
    xml = next((program for path in files if (program := foreign_files.program_of_xml(path))), None)
    hints += [f"There is {xml.what} in it. {xml.remedy}"] if xml else []
    pointers = [path.relative_to(root).as_posix() for path in files if is_pointer(path)]
    if pointers:
        hints.append(f"{len(pointers)} of its files, such as {pointers[0]}: {POINTER.name}. {POINTER.remedy}")
    unread = {found for path in files if (found := kind_of_name(path.name))}
    hints += sorted(f"There is {each.name} in it. {each.remedy}" for each in unread)
    links = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() and path.is_dir()]
    return hints + ([f"{', '.join(links)}: links to folders are not followed."] if links else [])


def _why_not(path: Path, name: str, kind: Kind | None) -> str:
    """A sentence on a JSON file in which nothing was recognised: broken, or of another kind."""
    try:
        read_json(path.read_bytes(), name)
    except DataError as problem:
        is_labelme = problem.problem != NOT_LABELME and (kind == "labelme" or problem.remedy != SAVE_AGAIN)
        return str(problem) if is_labelme else coco.why_not(path, name)
    return coco.why_not(path, name)
