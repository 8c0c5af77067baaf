"""Which folders hold images and masks, and how masks are named: by matching file names, not by folder names alone."""

import re
import shlex
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.masks import folder_names, infer_template, name_pattern, pair_folders, pair_table
from segpipe.annotations.formats.masks.infer_template import InferredTemplate, Owners
from segpipe.annotations.formats.masks.mask_files import NO_CLASS_NAMES
from segpipe.annotations.formats.masks.name_pattern import words_in
from segpipe.annotations.formats.masks.template import STEM, Template, parse, stems_of
from segpipe.annotations.items import PARTS, id_of, images_below

IMAGE_NAMES = ("images", "image", "imgs", "img", "jpegimages", "leftimg8bit", "photos")
MASK_NAMES = ("masks", "mask", "labels", "label", "annotations", "gt", "labelids", "segmentationclass")
IMAGE_WORDS = {*IMAGE_NAMES, "imagestr", "photo"}
MASK_WORDS = {*MASK_NAMES, *name_pattern.MASK_WORDS, "labelstr", "manual"}
"""Words of folder names such as 1st_manual or Part1_GroundTruth."""
PREVIEW_WORDS = {"human", "color", "colors", "colour", "colours", "colored", "coloured"}
PREVIEW_WORDS |= {"overlay", "overlays", "preview", "previews", "vis"}
"""Words of folders of masks that are made to be looked at, beside those that are made to be read."""
PART_WORDS = sorted([*PARTS, "trainval"], key=len, reverse=True)
PAIRS = "pairs.csv"
SHOWN = 8
JPEG = {".jpg", ".jpeg"}


@dataclass(frozen=True)
class MaskFolders:
    """The names of the two folders, how masks are called, the list that pairs them, and the classes in their names.

    Where the names of masks leave open what they are, `doubt` says so.
    """

    image_dir: str
    mask_dir: str
    template: str = STEM
    pairs: str = "none"
    classes: tuple[str, ...] = ()
    doubt: str = ""

    def __str__(self) -> str:
        if self.pairs != "none":
            return f"masks ({self.pairs})"
        return f"masks ({self.image_dir} and {self.mask_dir}{f', {self.template}' if self.template != STEM else ''})"

    @property
    def as_init(self) -> str:
        """What says the same after `segpipe init PATH`."""
        options = {"image-dir": self.image_dir, "mask-dir": self.mask_dir, "template": self.template}
        return " ".join(f"--{key} {shlex.quote(value)}" for key, value in options.items())

    @property
    def as_convert(self) -> str:
        """What says the same after `segpipe convert SRC --out DIR`."""
        options = {"image_dir": self.image_dir, "mask_dir": self.mask_dir, "template": self.template}
        return " ".join(f"-S {shlex.quote(f'data.masks.{key}={value}')}" for key, value in options.items())


def candidates(root: Path, by_name_alone: bool, template: str) -> list[MaskFolders]:
    """The list of pairs; else folders with the same file names; else with names that differ in one way; else one folder of both.

    `by_name_alone` takes only folders with the same file names. A `template` says how masks are named.
    """
    if template:
        return _other_naming(root, template)
    if _columns(root / PAIRS) >= {"image", "mask"}:
        return [listed(root, PAIRS)]
    same_names = _same_file_names(root, _each_folder)
    if same_names or by_name_alone:
        return _as_class_folders(same_names) or same_names
    below = _same_file_names(root, _whole_path)
    is_only = len(below) == 1 and not _has_others(root, below[0].mask_dir)
    return below if is_only else _other_naming(root, "") or _side_by_side(root, ".") or below


def listed(root: Path, table: str) -> MaskFolders:
    """The list of pairs, and the classes that its column class names. Raises PipelineError where the file is no such list."""
    classes = pair_table.class_names(root, table) if "class" in _columns(root / table) else None
    return MaskFolders(".", ".", pairs=table, classes=_objects(classes or ()))


def naming_between(root: Path, image_dir: str, mask_dir: str, template: str = "") -> MaskFolders:
    """How masks below two folders are named: as the template says, else as at least half of them show, else as their images."""
    if template:
        parsed = parse(template)
        found = pair_folders.files(root, image_dir, mask_dir, parsed)
        names = _class_names(parsed, [each for each, _ in found.images], [each for each, _ in found.masks])
        return MaskFolders(image_dir, mask_dir, template, classes=names)
    if image_dir == mask_dir:
        return next(iter(_side_by_side(root, image_dir)), MaskFolders(image_dir, mask_dir))
    found = pair_folders.files(root, image_dir, mask_dir, parse(STEM))
    images, masks = {item_id for item_id, _ in found.images}, {item_id for item_id, _ in found.masks}
    if 2 * len(images & masks) >= len(masks):
        return MaskFolders(image_dir, mask_dir)
    proposed = infer_template.infer(images, masks)
    if proposed and 2 * proposed.n_fitting >= len(masks):
        return _from_inferred(image_dir, mask_dir, proposed, _names(root, found.masks))
    return MaskFolders(image_dir, mask_dir)


def _names(root: Path, files: Iterable[tuple[str, Path]]) -> dict[str, str]:
    return {item_id: path.relative_to(root).as_posix() for item_id, path in files}


def _from_inferred(image_dir: str, mask_dir: str, proposed: InferredTemplate, names: Mapping[str, str]) -> MaskFolders:
    """What the names show, or what they leave open and what can be said of it; `names` are those of the files by their ids."""
    if not proposed.alternatives:
        return MaskFolders(image_dir, mask_dir, proposed.template, classes=proposed.classes)
    elsewhere = "Move those that are no masks elsewhere, or list the pairs in pairs.csv (columns image and mask)."
    choices = [(MaskFolders(image_dir, mask_dir, text), meaning) for text, meaning in proposed.choices()]
    if image_dir == mask_dir:  # what is left out there would be an image
        choices = [each for each in choices if each[1] not in (infer_template.THESE_ONLY, infer_template.THESE_AS_CLASSES)]
    lines = [f"  {each.as_init}\n  {each.as_convert}\n    {meaning}" for each, meaning in choices]
    how = ["Say it with one of these, after segpipe init PATH or segpipe convert SRC --out DIR:", *lines] if lines else []
    remedy = "\n".join(how if lines and image_dir != mask_dir else [*how, elsewhere])
    return MaskFolders(image_dir, mask_dir, doubt=f"{proposed.doubt(names)}. {remedy}")


def _columns(path: Path) -> set[str]:
    """The words of a table's first line, in lower case; nothing where there is no such file."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return {word.strip().strip('"').strip().lower() for word in re.split("[,;\t]", stream.readline())}


def _same_file_names(root: Path, split: Callable[[PurePosixPath], Iterable[tuple[str, PurePosixPath]]]) -> list[MaskFolders]:
    """The two folder names below which most files have the same names; others that come near; none.

    `split` takes folder names out of a path, each with what is left of it.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for path in images_below(root):
        for folder, rest in split(PurePosixPath(path.relative_to(root))):
            names[unicodedata.normalize("NFC", id_of(rest)).casefold()].add(folder)
    pairs = Counter((image, mask) for folders in names.values() for image in folders for mask in folders)
    ranked = {pair: (_name_score(*pair), count) for pair, count in pairs.items() if _name_score(*pair)}
    best, most = max(ranked.values(), default=(0, 0))
    # Names that are known for what they are come before the number of files that agree.
    found = [pair for pair, (known, count) in sorted(ranked.items()) if known == best and 2 * count >= most]
    return [naming_between(root, *pair) for pair in _without_previews(found)]


def _each_folder(path: PurePosixPath) -> Iterator[tuple[str, PurePosixPath]]:
    parts = path.parts
    yield ".", path
    for at, folder in enumerate(parts[:-1]):
        if folder.lower() not in PARTS and folder not in parts[:at]:
            pattern, kept = _with_wildcard(folder)
            yield pattern, PurePosixPath(*parts[:at], *kept, *parts[at + 1 :])


def _whole_path(path: PurePosixPath) -> Iterator[tuple[str, PurePosixPath]]:
    """All folders at once: images/a.jpg with annotations/trimaps/a.png."""
    yield path.parent.as_posix(), PurePosixPath(path.name)


def _has_others(root: Path, mask_dir: str) -> bool:
    """Whether a folder of masks lies in another one that holds more of them: masks/overlay/a.png beside masks/a_cat.png."""
    parent = (root / mask_dir).parent
    if parent == root or not _words(parent.name) & MASK_WORDS:
        return False
    return any(not path.is_relative_to(root / mask_dir) for path in images_below(parent))


def _with_wildcard(folder: str) -> tuple[str, tuple[str, ...]]:
    """A folder with the name of a part in its own, such as train_masks or trainannot, as `*_masks` and train; else itself."""
    for word in PART_WORDS:
        head, tail = folder[: len(word)], folder[-len(word) :]
        if head.lower() == word and _ends_a_word(folder[len(word) :]):
            return f"*{folder[len(word) :]}", (head,)
        if tail.lower() == word and _ends_a_word(folder[: -len(word)][::-1]):
            return f"{folder[: -len(word)]}*", (tail,)
    return folder, ()


def _ends_a_word(rest: str) -> bool:
    """Whether what follows the name of a part, read away from it, does not go on with a word that holds it."""
    return bool(rest) and (not rest[0].isalpha() or bool({rest.lower(), rest[::-1].lower()} & (MASK_WORDS | IMAGE_WORDS)))


def _as_class_folders(folders: Sequence[MaskFolders]) -> list[MaskFolders]:
    """One layout for several folders of masks named by class: masks_cat and masks_dog; nothing for others."""
    images = {each.image_dir for each in folders}
    names = {each.mask_dir: ("a", "b") for each in folders}
    if len(folders) < 2 or len(images) > 1 or any("/" in name or not _words(name) & MASK_WORDS for name in names):
        return []
    classes_pattern = name_pattern.classify_words(names)
    if classes_pattern is None or not classes_pattern.classes or any(each.template != STEM for each in folders):
        return []
    return [MaskFolders(images.pop(), ".", f"{classes_pattern.text}/{STEM}", classes=classes_pattern.classes)]


def _other_naming(root: Path, template: str) -> list[MaskFolders]:
    """The two folder names below which most masks are called as the template says, or differ in one way, such as `_mask`."""
    folders = {
        _with_wildcard(folder)[0]
        for path in images_below(root)
        for folder in {".", *path.relative_to(root).parts[:-1]}
        if folder.lower() not in PARTS
    }
    ranked = {(image, mask): _name_score(image, mask) for image in folders for mask in folders if _name_score(image, mask)}
    best = max(ranked.values(), default=0)
    pairs = _without_previews(sorted(pair for pair, known in ranked.items() if known == best))
    found = [naming_between(root, *pair, template) for pair in pairs[:SHOWN]]
    if not template:
        return [each for each in found if each.template != STEM or each.doubt]
    counts = {each: _n_fitting(root, each) for each in [*found, naming_between(root, ".", ".", template)]}
    return [each for each, count in counts.items() if count and count == max(counts.values())][:1]


def rival(root: Path, chosen: MaskFolders) -> str:
    """Another folder name that says masks, with at least half as many image files as the chosen one has; or nothing.

    Masks that are made to be looked at, and folders within the two chosen ones or around them, are no rivals.
    """
    if chosen.pairs != "none" or "." in (chosen.mask_dir, chosen.image_dir):
        return ""
    n_files: Counter[str] = Counter()
    for path in images_below(root):
        folders = [_with_wildcard(folder)[0] for folder in path.relative_to(root).parts[:-1]]
        is_chosen = any(folder_names.strip_folder((*folders, path.name), each) for each in (chosen.mask_dir, chosen.image_dir))
        n_files.update({chosen.mask_dir} if folder_names.strip_folder((*folders, path.name), chosen.mask_dir) else set())
        n_files.update(set() if is_chosen else {folder for folder in folders if _words(folder) & MASK_WORDS})
    others = {name: count for name, count in n_files.items() if name != chosen.mask_dir and not _words(name) & PREVIEW_WORDS}
    most = max(others, key=lambda name: (others[name], name), default="")
    return most if most and 2 * others[most] >= n_files[chosen.mask_dir] else ""


def _n_fitting(root: Path, folders: MaskFolders) -> int:
    """How many masks are of an image by the template."""
    template = parse(folders.template)
    found = pair_folders.files(root, folders.image_dir, folders.mask_dir, template, folders.classes or None)
    stems = stems_of(template, (each for each, _ in found.images))
    return sum(bool(template.matches(mask_id, stems)) for mask_id, _ in found.masks)


def _class_names(template: Template, image_ids: Sequence[str], mask_ids: Sequence[str]) -> tuple[str, ...]:
    """The classes in the names of masks under the template, sorted; of several matches that with the longest stem."""
    if not template.by_class:
        return ()
    stems = stems_of(template, image_ids)
    names = set()
    for mask_id in mask_ids:
        matches = template.matches(mask_id, stems)
        if matches:
            names.add(max(matches, key=lambda each: (len(each.stem), -len(each.class_name), each.class_name)).class_name)
    return _objects(names)


def _objects(names: Iterable[str]) -> tuple[str, ...]:
    """The names that are classes of objects, sorted."""
    return tuple(sorted(set(names) - set(NO_CLASS_NAMES)))


def _side_by_side(root: Path, folder: str) -> list[MaskFolders]:
    """One folder with images and masks side by side: `a.jpg` with `a_mask.png` or `a.png`, for at least half of the images."""
    suffixes: dict[str, set[str]] = defaultdict(set)
    files = list(pair_folders.below(root, folder))
    for item_id, path in files:
        suffixes[item_id].add(path.suffix.lower())
    owners = Owners(parse(STEM), suffixes)
    masks = {each for each in suffixes if _is_named_as_mask(each, owners, suffixes[each])}
    images = suffixes.keys() - masks
    owning = {owners.owner(each) for each in masks} & images
    doubles = [each for each in images if any(suffixes[each] == {jpeg, ".png"} for jpeg in JPEG)]
    if len(doubles) > len(owning) and 2 * len(doubles) >= len(images):
        return [MaskFolders(folder, folder, f"{STEM}.png")]
    proposed = infer_template.infer(images, masks) if masks and 2 * len(owning) >= len(images) else None
    return [_from_inferred(folder, folder, proposed, _names(root, files))] if proposed else []


def _is_named_as_mask(file_id: str, owners: Owners, suffixes: set[str]) -> bool:
    """Whether a file is called as a mask of another beside it: this one's name, and a word."""
    words = [
        words_in(pattern.replace(STEM, " "))
        for pattern, image in owners.patterns(file_id)
        if image != file_id and "/" not in pattern
    ]
    return any(own and (own & MASK_WORDS or not suffixes <= JPEG) for own in words)


def _without_previews(pairs: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The pairs of folders less those whose masks are made to be looked at, where others are left."""
    return [pair for pair in pairs if not _words(pair[1]) & PREVIEW_WORDS] or pairs


def _name_score(image_dir: str, mask_dir: str) -> int:
    """How many of the two names are known for what they would be; 0 where one is known for the opposite."""
    image, mask = _words(image_dir), _words(mask_dir)
    if image_dir.lower() == mask_dir.lower() or image & MASK_WORDS or mask & IMAGE_WORDS or mask_dir == ".":
        return 0
    return bool(image & IMAGE_WORDS) + bool(mask & MASK_WORDS)


def _words(folder: str) -> set[str]:
    return {folder.lower(), *re.split("[^a-z]+", folder.lower())}
