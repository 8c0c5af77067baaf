"""One COCO file: its images, its categories, and where each image's annotations lie, which stay on the disk till then."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from segpipe.annotations import foreign_files, json_error
from segpipe.annotations.formats.coco.crowds import AnnotationCount, is_crowd
from segpipe.annotations.formats.coco.json_lists import scan
from segpipe.errors import DataError, plain
from segpipe.images.unsupported import POINTER, kind_of
from segpipe.storage.byte_source import FileRange

EXPORT_AGAIN = "Export it again, or remove it."
LISTS = ("images", "annotations", "categories")
BOM = b"\xef\xbb\xbf"
SNIFFED_BYTES = 2**16
"""Bytes at a file's beginning and at its end by which COCO is recognised without reading gigabytes."""
SMALL_BYTES = 2**20
"""Bytes: files up to this are read whole to recognise them."""
OTHER_KINDS = {"caption": "captions", "segments_info": "panoptic segments"}
"""Keys of annotations that are no instances, and what they are."""


@dataclass(frozen=True)
class AnnotationSpans:
    """The annotations of one image: parts of a file, put together to one JSON text with `head` before them."""

    file: Path
    head: str
    spans: tuple[tuple[int, int], ...]

    def read(self) -> bytes:
        """A JSON object: the keys of `head`, and the list `annotations`. Can be read in any process."""
        with self.file.open("rb", buffering=0) as stream:
            return b'{%s, "annotations": [%s]}' % (self.head.encode(), b",".join(self._parts(stream)))

    def file_ranges(self) -> tuple[FileRange, ...]:
        """The JSON file: all that is asked of them is which files are read."""
        return (FileRange(self.file),)

    def _parts(self, stream: FileIO) -> list[bytes]:
        return [_read(stream, offset, size) for offset, size in self.spans]


@dataclass(frozen=True)
class ListedImage:
    """An image as the file lists it. `size` is (width, height), or None where it says none."""

    key: str
    file_name: str
    size: tuple[int, int] | None


@dataclass
class CocoFile:
    """What a file holds. Images and categories have a `key`, their id as text; `names` are those of the objects.

    `spans` and `used` give each image's key the parts of the file with its annotations, and the keys of its categories;
    `counts` the number of objects and crowds of each category's key.
    `other` says what the annotations are where they are no instances. `problems` are those of the lists.
    """

    path: Path
    name: str
    images: list[ListedImage] = field(default_factory=list)
    categories: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counts: dict[str, AnnotationCount] = field(default_factory=lambda: defaultdict(AnnotationCount))
    other: str = ""
    keypoints: bool = False
    problems: list[DataError] = field(default_factory=list)

    def pieces(self, image: ListedImage) -> AnnotationSpans:
        """The annotations of one of its images, with the image's size and the names of the categories they use."""
        names = {key: self.categories[key] for key in sorted(self.used.get(image.key, ())) if key in self.categories}
        head = json.dumps({"size": image.size, "names": names})[1:-1]
        return AnnotationSpans(self.path, head, tuple(self.spans.get(image.key, ())))


def is_coco(path: Path) -> bool:
    """Whether a JSON file has COCO's lists of images and annotations of instances; a large one is believed by its looks."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as stream:
        offsets = 0, max(0, size - SNIFFED_BYTES)
        ends = b"".join(_read(stream, offset, SNIFFED_BYTES) for offset in offsets)
    if not any(key in ends for key in (b'"images"', b'"image_id"', b'"file_name"')):
        return False
    if size > SMALL_BYTES:
        return b'"segments_info"' not in ends and b'"caption"' not in ends
    try:
        read = read_file(path, path.name)
    except DataError:
        return False
    return read is not None and not read.other


def why_not(path: Path, name: str) -> str:
    """A sentence on a JSON file in which nothing was recognised."""
    try:
        read = read_file(path, name)
    except DataError as problem:
        return str(problem)
    if read and read.other:
        return f"{name} holds COCO's {read.other}, not instances."
    program = foreign_files.program_of_file(path)
    if program:
        return f"{name} is {program.what}. {program.remedy}"
    return f"{name} is no JSON of labelme or of COCO's instances: it lists neither shapes nor those."


def read_file(path: Path, name: str) -> CocoFile | None:
    """The file, or None where it is JSON without COCO's lists. Raises DataError where it is broken."""
    content = path.read_bytes()
    if kind_of(content) == POINTER:
        raise DataError(name, POINTER.name, POINTER.remedy)
    skipped = len(BOM) if content.startswith(BOM) else 0
    # A character a byte, so that places in the text are places in the file. Only what matters is read as UTF-8.
    text = content.decode("latin-1")
    del content  # else a file of gigabytes would be held twice
    file, rows = CocoFile(path, name), _Rows(text)
    try:
        if not text[skipped : skipped + SNIFFED_BYTES].lstrip(" \t\r\n").startswith("{"):
            # Raises where it is no JSON at all; blanks for the mark keep the places of errors right.
            json.loads(" " * skipped + text[skipped:])
            return None
        if not {"images", "annotations"} <= scan(text, skipped, LISTS, rows.take):
            return None
        _fill(file, rows)
    except (ValueError, RecursionError) as error:
        raise _broken(error, path.read_bytes(), name) from None
    return file


def _broken(error: ValueError | RecursionError, content: bytes, name: str) -> DataError:
    """What is wrong with the file, and in which line."""
    if isinstance(error, json.JSONDecodeError):
        error = json_error.in_bytes(error, content)
    elif isinstance(error, UnicodeDecodeError):
        # It was met in an element, and counts from there.
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as first:
            error = first
    return json_error.problem(error, content, name, EXPORT_AGAIN)


def _read(stream: FileIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


def key_of(value: Any) -> str:
    """An id as text, the same for 7, 7.0 and "7"; empty where it is none."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def short(value: object) -> str:
    """An id in a sentence: hostile ones are long."""
    text = plain(str(value))
    return text if len(text) <= 40 else f"{text[:40]}..."


class _Rows:
    """What is kept of a file while it is read: of annotations their place, their image and their category."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.images: list[Any] = []
        self.categories: list[Any] = []
        self.spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.used: dict[str, set[str]] = defaultdict(set)
        self.counts: dict[str, AnnotationCount] = defaultdict(AnnotationCount)
        self.with_crowd: set[tuple[str, str]] = set()
        self.lost: list[tuple[int, int]] = []
        self.others: set[str] = set()

    def take(self, key: str, element: Any, start: int, end: int) -> None:
        """Keeps an element of one of the lists."""
        if key == "annotations":
            self._annotation(element, start, end)
            return
        piece = self.text[start:end]
        # The text is latin-1, so what is not ASCII was read wrong and is read again as UTF-8.
        element = element if piece.isascii() else json.loads(piece.encode("latin-1"))
        if key == "images" and isinstance(element, dict):
            element = {name: element.get(name) for name in ("id", "file_name", "coco_url", "width", "height")}
        (self.images if key == "images" else self.categories).append(element)

    def _annotation(self, element: Any, start: int, end: int) -> None:
        if not isinstance(element, dict) or not (image := key_of(element.get("image_id"))):
            self.lost.append((start, end - start))
            return
        category = key_of(element.get("category_id"))
        if not (image.isascii() and category.isascii()):
            own = json.loads(self.text[start:end].encode("latin-1"))
            image, category = key_of(own["image_id"]), key_of(own.get("category_id"))
        self.spans[image].append((start, end - start))
        self.used[image].add(category)
        self._count(image, category, bool(is_crowd(element)))
        self.others.update(OTHER_KINDS.keys() & element.keys() if "segmentation" not in element else ())

    def _count(self, image: str, category: str, crowd: bool) -> None:
        count = self.counts[category]
        count.objects += not crowd
        count.crowds += crowd
        count.several = count.several or (crowd and (image, category) in self.with_crowd)
        self.with_crowd |= {(image, category)} if crowd else set()


def _fill(file: CocoFile, rows: _Rows) -> None:
    """The lists checked: what is sound goes into the file, what is not into its problems."""
    file.other = " and ".join(OTHER_KINDS[key] for key in sorted(rows.others))
    file.spans, file.used, file.counts = rows.spans, rows.used, rows.counts
    for number, row in enumerate(rows.images, start=1):
        if not _add_image(file, row):
            remedy = "Give each an id and the name of its file, or remove it."
            file.problems.append(DataError(f"image number {number} of {file.name}", "no id or no file_name", remedy))
    _add_categories(file, rows.categories)
    first: dict[str, ListedImage] = {}
    for image in file.images:
        if first.setdefault(image.key, image) is not image:
            where = f"{first[image.key].file_name} and {image.file_name} in {file.name}"
            what = "two images of one id, so that annotations could belong to either"
            file.problems.append(DataError(where, what, "Give each image an id of its own."))
    file.problems += _orphaned(rows, first.keys(), file.name)


def _orphaned(rows: "_Rows", known: Collection[str], name: str) -> list[DataError]:
    """One problem for all annotations whose image is not listed; it names the first of them."""
    unknown = rows.lost + [place for key, places in rows.spans.items() if key not in known for place in places]
    if not unknown:
        return []
    start, size = min(unknown)
    annotation = json.loads(rows.text[start : start + size].encode("latin-1"))
    own = annotation if isinstance(annotation, dict) else {}
    what = f"annotations of images that it does not list ({len(unknown)}), the first with {_ids_of(own)}"
    return [DataError(name, what, "List the images, or remove the annotations.")]


def _ids_of(annotation: dict[str, Any]) -> str:
    """Its id and that of its image, as they stand in the file."""
    return ", ".join(f"{key} {short(annotation[key])}" if key in annotation else f"no {key}" for key in ("id", "image_id"))


def _add_image(file: CocoFile, row: Any) -> bool:
    key = key_of(row.get("id")) if isinstance(row, dict) else ""
    # LVIS names its images by their address only.
    file_name = (row.get("file_name") or row.get("coco_url")) if key else None
    if not isinstance(file_name, str) or not file_name:
        return False
    size = row.get("width"), row.get("height")
    width, height = map(_side, size)
    file.images.append(ListedImage(key, file_name, (width, height) if width and height else None))
    if size != (None, None) and not (width and height):
        what, remedy = "a width or height that is no whole number above 0", "Correct the size, or remove it from the file."
        file.problems.append(DataError(f"{file_name} in {file.name}", what, remedy))
    return True


def _side(value: Any) -> int:
    """A width or height: a whole number above 0, which some programs write as 640.0 or as text; else 0."""
    text = key_of(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _add_categories(file: CocoFile, rows: list[Any]) -> None:
    """The names by key, in the order of the ids where these are numbers."""
    found: dict[str, str] = {}
    supers: set[str] = set()
    for number, row in sorted(enumerate(rows, start=1), key=lambda pair: _order(pair[1])):
        key = key_of(row.get("id")) if isinstance(row, dict) else ""
        name = row.get("name") if key else None
        if not isinstance(name, str) or not name.strip() or plain(name) != name:
            what = "no id, or no name in one line of plain text"
            where = f"category {'' if key else 'number '}{short(key) if key else number} of {file.name}"
            file.problems.append(DataError(where, what, "Give each category an id and a name."))
        elif found.setdefault(key, name.strip()) != name.strip():
            what = f'one category id for "{found[key]}" and "{name}"'
            file.problems.append(DataError(file.name, what, "Give each category an id of its own."))
        supers |= {str(row.get("supercategory"))} if key not in ("", "0") else set()
        file.keypoints = file.keypoints or (isinstance(row, dict) and "keypoints" in row)
    twice = sorted(name for name, count in Counter(found.values()).items() if count > 1)
    if twice:
        what = f"categories of the same name ({', '.join(twice[:5])}), which count as one class"
        file.problems.append(DataError(file.name, what, "Rename one of them if they are two classes.", warning=True))
    # Roboflow lists the project itself as category 0, above all others and never used.
    umbrella = {"0"} if found.get("0") in supers and not any("0" in keys for keys in file.used.values()) else set()
    file.categories = found
    file.names = tuple(name for key, name in found.items() if key not in umbrella)


def _order(row: Any) -> tuple[bool, int | float, str]:
    number = row.get("id") if isinstance(row, dict) else None
    is_number = isinstance(number, int) or (isinstance(number, float) and math.isfinite(number))
    return (False, number, "") if is_number and number is not None else (True, 0, str(number))
