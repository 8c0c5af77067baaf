"""Which format a folder is in: told by the files that are there and by matching names, not by folder names alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from segpipe.annotations import coco_file as coco
from segpipe.annotations import yolo
from segpipe.annotations.items import PARTS, files_below, id_of, images_below
from segpipe.annotations.labelme_json import read_json
from segpipe.errors import DataError, PipelineError
from segpipe.unread import kind_of_name

Kind = Literal["labelme", "masks", "voc", "coco", "yolo"]
IMAGE_NAMES = ("images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "photos")
MASK_NAMES = ("masks", "mask", "labels", "label", "annotations", "gt", "labelids", "segmentationclass")
EXPECTED = """Expected one of these:
  labelme  photo.jpg and photo.json side by side, flat or below train/, val/, test/
  masks    images/photo.jpg and masks/photo.png: one channel of class ids, the same name up to the suffix
  voc      JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/train.txt and val.txt
  coco     images anywhere, and COCO JSON of instances such as annotations/instances_train.json
  yolo     images/photo.jpg and labels/photo.txt with polygons, and data.yaml with the names
Folders of other names: --kind masks --image-dir NAME --mask-dir NAME."""


@dataclass(frozen=True)
class Layout:
    """A format, and for `masks` the names of the two folders."""

    kind: Kind
    image_dir: str = ""
    mask_dir: str = ""

    def __str__(self) -> str:
        return f"masks ({self.image_dir} and {self.mask_dir})" if self.kind == "masks" else self.kind


def recognise(root: Path, kind: Kind | None = None, image_dir: str = "", mask_dir: str = "") -> Layout:
    """The layout of a folder, or of a tar of VOC. A `kind` decides between several that fit, the two names between folders.

    Raises PipelineError where none or several fit; it lists what is there and what was expected.
    """
    if bool(image_dir) != bool(mask_dir) or (image_dir and kind not in (None, "masks")):
        raise PipelineError("--image-dir and --mask-dir belong together, and to --kind masks.")
    if image_dir:
        return Layout("masks", image_dir, mask_dir)
    if root.is_file():
        return Layout("voc")
    fitting = [layout for layout in _candidates(root) if kind in (None, layout.kind)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise PipelineError(_nothing_fits(root, kind))
    names = "; ".join(map(str, fitting))
    choice = "which folders, with --image-dir NAME --mask-dir NAME" if _only_masks(fitting) else "which, with --kind"
    raise PipelineError(f"{root}: fits several layouts ({names}). Say {choice}.")


def _candidates(root: Path) -> list[Layout]:
    """All layouts that fit. A VOC tree's folders would fit as masks too, but its lists say more."""
    is_voc = any(root.rglob("ImageSets/Segmentation/*.txt")) and any(root.rglob("SegmentationClass/*"))
    is_voc = is_voc or (any(root.glob("*.tar")) and not any(images_below(root)))
    return _shape_layouts(root) + ([Layout("voc")] if is_voc else _mask_layouts(root))


def _shape_layouts(root: Path) -> list[Layout]:
    """Layouts with outlines in JSON or text files."""
    listings = {path for path in files_below(root, (".json",)) if coco.is_coco(path)}
    is_labelme = any(_is_labelme(path) for path in files_below(root, (".json",)) if path not in listings)
    fitting: tuple[tuple[Kind, bool], ...] = (("labelme", is_labelme), ("coco", bool(listings)), ("yolo", yolo.is_yolo(root)))
    return [Layout(kind) for kind, fits in fitting if fits]


def _only_masks(layouts: Iterable[Layout]) -> bool:
    return all(layout.kind == "masks" for layout in layouts)


def _is_labelme(path: Path) -> bool:
    try:
        read_json(path.read_bytes(), path.name)
    except DataError:
        return False
    return True


def _mask_layouts(root: Path) -> list[Layout]:
    """The two folder names below which most files have the same names; others that come near; none."""
    names: dict[str, set[str]] = defaultdict(set)
    for path in images_below(root):
        parts = path.relative_to(root).parts
        for at, folder in enumerate(parts[:-1]):
            if folder.lower() not in PARTS and folder not in parts[:at]:
                names[id_of(PurePosixPath(*parts[:at], *parts[at + 1 :]))].add(folder)
    pairs = Counter((image, mask) for folders in names.values() for image in folders for mask in folders)
    ranked = {pair: (_known(*pair), count) for pair, count in pairs.items() if _known(*pair)}
    best, most = max(ranked.values(), default=(0, 0))
    return [Layout("masks", *pair) for pair, (known, count) in sorted(ranked.items()) if known == best and 2 * count >= most]


def _known(image_dir: str, mask_dir: str) -> int:
    """How many of the two names are known for what they would be; 0 where one is known for the opposite."""
    image, mask = image_dir.lower(), mask_dir.lower()
    if image == mask or image in MASK_NAMES or mask in IMAGE_NAMES:
        return 0
    return (image in IMAGE_NAMES) + (mask in MASK_NAMES)


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
    return "\n".join([*lines, *_hints(root, files), EXPECTED])


def _hints(root: Path, files: Iterable[Path]) -> list[str]:
    """Sentences on what comes near: JSON of another kind, two folders whose files are named differently, links."""
    hints = []
    other = next((path for path in files if path.suffix.lower() == ".json" and not _is_labelme(path)), None)
    if other:
        hints.append(
            f"{other.relative_to(root)} is no JSON of labelme or of COCO's instances: it lists neither shapes nor those."
        )
    first = {path.parent.name.lower(): path.relative_to(root) for path in reversed([*images_below(root)])}
    image, mask = (next((first[name] for name in names if name in first), None) for names in (IMAGE_NAMES, MASK_NAMES))
    if image and mask:
        hints.append(f"{image} and {mask}: an image and its mask must have the same name up to the suffix.")
    kinds = {kind for path in files if (kind := kind_of_name(path.name))}
    hints += sorted(f"There is {kind.name} in it. {kind.remedy}" for kind in kinds)
    links = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() and path.is_dir()]
    return hints + ([f"{', '.join(links)}: links to folders are not followed."] if links else [])
