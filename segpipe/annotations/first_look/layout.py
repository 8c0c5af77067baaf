"""Which format a folder is in: told by the files that are there and by matching names, not by folder names alone."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from segpipe.annotations.coco import file as coco
from segpipe.annotations.items import PARTS, files_below, id_of, images_below
from segpipe.annotations.labelme.json_file import AGAIN, OTHER, read_json
from segpipe.annotations.masks import pair_folders
from segpipe.annotations.masks.template import STEM, guess, parse
from segpipe.annotations.yolo import source as yolo
from segpipe.errors import DataError, PipelineError
from segpipe.unread import kind_of_name

Kind = Literal["labelme", "masks", "voc", "coco", "yolo"]
IMAGE_NAMES = ("images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "photos")
MASK_NAMES = ("masks", "mask", "labels", "label", "annotations", "gt", "labelids", "segmentationclass")
IMAGE_WORDS = {*IMAGE_NAMES, "imagestr", "photo"}
MASK_WORDS = {
    *MASK_NAMES,
    "annotation",
    "annot",
    "groundtruth",
    "gtfine",
    "labelstr",
    "manual",
    "seg",
    "segmentation",
    "segmentations",
}
"""Words of folder names such as 1st_manual or Part1_GroundTruth."""
AFFIX = re.compile(
    r"(?P<before>(?:mask|gt|label|seg)s?[-_. ])?(?P<stem>.+?)"
    r"(?P<after>[-_. ](?:binary[-_])?(?:mask|gt|label|seg|segmentation|groundtruth|annotation|annot|manual|labelids|l)s?\d?)?",
    re.IGNORECASE,
)
"""What the name of a mask beside its image says more than the image's."""
PAIRS = "pairs.csv"
SHOWN = 8
EXPECTED = """Expected one of these:
  labelme  photo.jpg and photo.json side by side, flat or below train/, val/, test/
  masks    images/photo.jpg and masks/photo.png: class ids, black and white, or colours; or photo.jpg beside photo_mask.png
  voc      JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/train.txt and val.txt
  coco     images anywhere, and COCO JSON of instances such as annotations/instances_train.json
  yolo     images/photo.jpg and labels/photo.txt with polygons, and data.yaml with the names
Folders of other names: --kind masks --image-dir NAME --mask-dir NAME."""


@dataclass(frozen=True)
class Layout:
    """A format, and for `masks` the names of the two folders, how masks are called, or the list that pairs them."""

    kind: Kind
    image_dir: str = ""
    mask_dir: str = ""
    template: str = STEM
    pairs: str = "none"

    def __str__(self) -> str:
        if self.kind != "masks":
            return self.kind
        if self.pairs != "none":
            return f"masks ({self.pairs})"
        return f"masks ({self.image_dir} and {self.mask_dir}{f', {self.template}' if self.template != STEM else ''})"


def recognise(root: Path, kind: Kind | None = None, image_dir: str = "", mask_dir: str = "") -> Layout:
    """The layout of a folder, or of a tar of VOC. A `kind` decides between several that fit, the two names between folders.

    Raises PipelineError where none or several fit; it lists what is there and what was expected.
    """
    if bool(image_dir) != bool(mask_dir) or (image_dir and kind not in (None, "masks")):
        raise PipelineError("--image-dir and --mask-dir belong together, and to --kind masks.")
    if image_dir:
        return Layout("masks", image_dir, mask_dir, _template_in(root, image_dir, mask_dir))
    if root.is_file():
        return Layout("voc")
    fitting = [layout for layout in _candidates(root, kind) if kind in (None, layout.kind)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise PipelineError(_nothing_fits(root, kind))
    names = "; ".join(map(str, fitting))
    choice = "which folders, with --image-dir NAME --mask-dir NAME" if _only_masks(fitting) else "which, with --kind"
    raise PipelineError(f"{root}: fits several layouts ({names}). Say {choice}.")


def _candidates(root: Path, kind: Kind | None) -> list[Layout]:
    """All layouts that fit. A VOC tree's folders would fit as masks too, but its lists say more."""
    is_voc = any(root.rglob("ImageSets/Segmentation/*.txt")) and any(root.rglob("SegmentationClass/*"))
    is_voc = is_voc or (any(root.glob("*.tar")) and not any(images_below(root)))
    by_shapes = _shape_layouts(root)
    if is_voc and kind != "masks":
        return [*by_shapes, Layout("voc")]
    # Beside JSON with outlines, pictures of other names are previews rather than masks.
    return [*by_shapes, *_mask_layouts(root, by_name_alone=bool(by_shapes) and kind != "masks")]


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


def _mask_layouts(root: Path, by_name_alone: bool) -> list[Layout]:
    """The list of pairs; else the folders whose files are named alike; else in another way; else one folder of both."""
    if (root / PAIRS).is_file() and _is_pairs(root / PAIRS):
        return [Layout("masks", ".", ".", pairs=PAIRS)]
    alike = _alike(root, _each_folder)
    return alike if alike or by_name_alone else _alike(root, _whole_path) or _otherwise(root) or _beside(root)


def _is_pairs(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        head = {word.strip().lower() for word in re.split("[,;\t]", stream.readline())}
    return head >= {"image", "mask"}


def _alike(root: Path, split: Callable[[PurePosixPath], Iterable[tuple[str, PurePosixPath]]]) -> list[Layout]:
    """The two folder names below which most files have the same names; others that come near; none.

    `split` takes folder names out of a path, each with what is left of it.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for path in images_below(root):
        for folder, rest in split(PurePosixPath(path.relative_to(root))):
            names[unicodedata.normalize("NFC", id_of(rest)).casefold()].add(folder)
    pairs = Counter((image, mask) for folders in names.values() for image in folders for mask in folders)
    ranked = {pair: (_known(*pair), count) for pair, count in pairs.items() if _known(*pair)}
    best, most = max(ranked.values(), default=(0, 0))
    return [Layout("masks", *pair) for pair, (known, count) in sorted(ranked.items()) if known == best and 2 * count >= most]


def _each_folder(path: PurePosixPath) -> Iterator[tuple[str, PurePosixPath]]:
    parts = path.parts
    yield ".", path
    for at, folder in enumerate(parts[:-1]):
        if folder.lower() not in PARTS and folder not in parts[:at]:
            yield folder, PurePosixPath(*parts[:at], *parts[at + 1 :])


def _whole_path(path: PurePosixPath) -> Iterator[tuple[str, PurePosixPath]]:
    """All folders at once: images/a.jpg with annotations/trimaps/a.png."""
    yield path.parent.as_posix(), PurePosixPath(path.name)


def _otherwise(root: Path) -> list[Layout]:
    """The two folder names below which most files differ in the same way, such as `_mask`."""
    folders = {
        folder
        for path in images_below(root)
        for folder in {".", *path.relative_to(root).parts[:-1]}
        if folder.lower() not in PARTS
    }
    ranked = {(image, mask): _known(image, mask) for image in folders for mask in folders if _known(image, mask)}
    best = max(ranked.values(), default=0)
    layouts = []
    for image, mask in sorted(pair for pair, known in ranked.items() if known == best)[:SHOWN]:
        template = _template_in(root, image, mask)
        layouts += [Layout("masks", image, mask, template)] if template != STEM else []
    return layouts


def _template_in(root: Path, image_dir: str, mask_dir: str) -> str:
    """The template that fits at least half of the masks below the two folders, `{stem}` where they are called alike."""
    found = pair_folders.files(root, image_dir, mask_dir, parse(STEM))
    images, masks = {item_id for item_id, _ in found.images}, {item_id for item_id, _ in found.masks}
    template, count = guess(images - masks, masks - images)
    return template if count > len(images & masks) and 2 * count >= len(masks) else STEM


def _beside(root: Path) -> list[Layout]:
    """One folder with image and mask side by side: `a.jpg` with `a_mask.png`, or with `a.png` for at least half of the images."""
    files: dict[str, list[str]] = defaultdict(list)
    for path in images_below(root):
        files[id_of(PurePosixPath(path.relative_to(root).as_posix()))].append(path.suffix.lower())
    votes: Counter[str] = Counter()
    for item_id, suffixes in files.items():
        folder, slash, name = item_id.rpartition("/")
        match = AFFIX.fullmatch(name)
        if match and match["stem"] != name and folder + slash + match["stem"] in files:
            votes[name.replace(match["stem"], STEM, 1)] += 1
        if sorted(suffixes) in ([".jpeg", ".png"], [".jpg", ".png"]):
            votes[f"{STEM}.png"] += 1
    template, count = max(votes.items(), key=lambda vote: (vote[1], vote[0]), default=("", 0))
    owners = len(files) - (count if template != f"{STEM}.png" else 0)
    return [Layout("masks", ".", ".", template)] if count and 2 * count >= owners else []


def _known(image_dir: str, mask_dir: str) -> int:
    """How many of the two names are known for what they would be; 0 where one is known for the opposite."""
    image, mask = _words(image_dir), _words(mask_dir)
    if image_dir.lower() == mask_dir.lower() or image & MASK_WORDS or mask & IMAGE_WORDS or mask_dir == ".":
        return 0
    return bool(image & IMAGE_WORDS) + bool(mask & MASK_WORDS)


def _words(folder: str) -> set[str]:
    return {folder.lower(), *re.split("[^a-z]+", folder.lower())}


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
    other = next((path for path in files if path.suffix.lower() == ".json" and not _is_labelme(path)), None)
    if other:
        hints.append(_why_not(other, other.relative_to(root).as_posix(), kind))
    first = {path.parent.name.lower(): path.relative_to(root) for path in reversed([*images_below(root)])}
    image, mask = (next((first[name] for name in names if name in first), None) for names in (IMAGE_NAMES, MASK_NAMES))
    if image and mask:
        hints.append(f"{image} and {mask}: no rule leads from the images' names to the masks'. Pair them in {PAIRS}.")
    unread = {found for path in files if (found := kind_of_name(path.name))}
    hints += sorted(f"There is {each.name} in it. {each.remedy}" for each in unread)
    links = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() and path.is_dir()]
    return hints + ([f"{', '.join(links)}: links to folders are not followed."] if links else [])


def _why_not(path: Path, name: str, kind: Kind | None) -> str:
    """A sentence on a JSON file in which nothing was recognised: broken, or of another kind."""
    try:
        read_json(path.read_bytes(), name)
    except DataError as problem:
        is_labelme = problem.problem != OTHER and (kind == "labelme" or problem.remedy != AGAIN)
        return str(problem) if is_labelme else coco.why_not(path, name)
    return coco.why_not(path, name)
