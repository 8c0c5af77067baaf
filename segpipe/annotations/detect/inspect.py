"""Inspects a folder of annotated images: its format, classes, sizes and problems, before anything is copied or converted."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from segpipe.annotations import class_names
from segpipe.annotations.class_names import Classes, NameList
from segpipe.annotations.code_counts import CodeCounts
from segpipe.annotations.detect import file_classes
from segpipe.annotations.detect import mask_classes as mask_names
from segpipe.annotations.detect.infer_classes import (
    classes_from_ids,
    classes_from_labels,
    classes_from_list,
    classes_from_unknown_colours,
)
from segpipe.annotations.detect.layout import Kind, Layout, recognise
from segpipe.annotations.examination import result_cache
from segpipe.annotations.examination.examine import NO_CACHE, fields_without_mask, map_items
from segpipe.annotations.examination.pages import split_pages
from segpipe.annotations.examination.result_cache import CacheView
from segpipe.annotations.formats.masks import colour_table, mask_files
from segpipe.annotations.formats.table import source_of
from segpipe.annotations.groups import table_in
from segpipe.annotations.items import Item, ParsedAnnotation, Reader, Source
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import Header, header
from segpipe.params.schema import DataParams, YoloParams
from segpipe.record import BACKGROUND, IGNORE
from segpipe.storage import listing
from segpipe.storage.byte_source import FileRange
from segpipe.storage.examination_cache import Cache

Value = TypeVar("Value")
OWN_LISTS = {"coco": "COCO's categories", "yolo": "YOLO's names"}
"""The kinds whose files list their classes, and where."""
UNNAMED = ("background", *(f"class_{number}" for number in range(254)))
"""What YOLO's class ids are called where no file names them."""


@dataclass(frozen=True)
class Inspection:
    """What a folder holds. `unannotated` are images without annotation; they count in `n_images` and all below it.

    `sizes` ((width, height), most common first), `depths` ((channels, bits)), `given` (train, val, test or empty) and
    `values` (labels, or ids as text) come with the number of images. `problems` are what `convert` would refuse. `groups` is
    what data.groups is to be: what it is, or the table that lies in the folder; `suggested_keys` are other keys that the
    data asks for.
    """

    root: Path
    layout: Layout
    classes: Classes
    n_images: int
    unannotated: tuple[str, ...]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    depths: tuple[tuple[tuple[int, int], int], ...]
    given: tuple[tuple[str, int], ...]
    values: tuple[tuple[str, int], ...]
    problems: tuple[DataError, ...]
    groups: str = "none"
    suggested_keys: Mapping[str, str] = field(default_factory=dict)

    def doubts(self, found: Sequence[DataError]) -> list[DataError]:
        """The problems of the classes, less those about all files where `found`, the examination's, has errors: they say more."""
        known = {id(problem) for problem in self.problems}
        has_errors = any(not problem.warning for problem in found)
        own = [problem for problem in self.classes.problems if id(problem) in known]
        return [problem for problem in own if not (has_errors and problem.file.startswith("all "))]


@dataclass(frozen=True)
class InspectedItem:
    """One image: its header, the different labels or ids of its annotation, and the problems of this."""

    header: Header
    values: tuple[str, ...]
    problems: tuple[DataError, ...]
    code_counts: CodeCounts | None = None


def inspect_folder(
    root: Path,
    data: DataParams,
    kind: Kind | None = None,
    image_dir: str = "",
    mask_dir: str = "",
    listed: NameList | None = None,
    template: str = "",
    pairs: str = "none",
    cache: Cache = NO_CACHE,
) -> Inspection:
    """Inspects a folder, or an uncompressed tar of PASCAL VOC: every header, and every mask or file of shapes.

    Of `data` only what does not decide the layout or the classes counts. `listed` names the classes in place of a list
    beside the data, `template` says how masks are called, `pairs` names a list of them. What `cache` holds of an annotation
    is not read again.

    Raises PipelineError where nothing, or more than one thing, is recognised, and where links lead out of the folder.
    """
    if not root.exists():
        raise PipelineError(f"{root}: no such folder or file.")
    listing.refuse_links_out(root)
    layout = recognise(root, kind, image_dir, mask_dir, template, pairs)
    source = source_of(_provisional_params(data, layout), root, ())
    found = split_pages(source.found) if data.pages == "split" else source.found
    results = list(map_items(found.items, partial(_inspect_item, read=source.read), "looking", cache))
    inspected_items = [result for result in results if isinstance(result, InspectedItem)]
    values = _files_by_value(inspected_items, layout)
    mask_counts = [inspected.code_counts for inspected in inspected_items if inspected.code_counts]
    classes = _classes(root, layout, source, values, mask_counts, listed)
    broken = [problem for result in results for problem in (result.problems if isinstance(result, InspectedItem) else [result])]
    problems = (*found.problems, *broken)
    return Inspection(
        root=root,
        layout=layout,
        classes=classes,
        n_images=len(found.items),
        unannotated=tuple(item.source for item in found.items if item.annotation is None),
        sizes=_counted((inspected.header.width, inspected.header.height) for inspected in inspected_items),
        depths=_counted((inspected.header.channels, inspected.header.bits) for inspected in inspected_items),
        given=_counted(item.given for item in found.items),
        # Numbers in their order, words by the alphabet.
        values=tuple(sorted(values.items(), key=lambda pair: (len(pair[0]) if pair[0].isdecimal() else 0, pair[0]))),
        # Where files cannot be read, what the others hold says nothing about the whole.
        problems=problems if any(not problem.warning for problem in problems) else (*problems, *classes.problems),
        groups=table_in(root) if data.groups == "none" else data.groups,
        suggested_keys=source.suggested_keys,
    )


def _provisional_params(data: DataParams, layout: Layout) -> DataParams:
    """What reads labels and ids before their classes are known: the files' own are asked for, not the masks."""
    folders = {key: getattr(layout, key) for key in ("image_dir", "mask_dir", "template", "pairs")} if layout.image_dir else {}
    own_values = {"ignore_index": -1, "values": "ids", "palette": "indices"}
    if layout.classes:
        own_values = {"ignore_index": IGNORE, "values": "binary", "classes": (BACKGROUND, *layout.classes)}
    masks = data.masks.model_copy(update=folders | own_values)
    yolo = YoloParams(classes=UNNAMED)
    own = {"masks": masks, "yolo": yolo, "coco": data.coco.model_copy(update={"crowds": "object"})}
    return data.model_copy(update=own | {"source": layout.kind, "unannotated": "background", "class_map": {}})


def _inspect_item(item: Item, cache_view: CacheView, read: Reader) -> InspectedItem | DataError:
    """One image and its annotation, or what is wrong with them."""
    try:
        content = item.image.read()
        head = header(content, item.source)
        if item.annotation is None:
            return InspectedItem(head, (), ())
        parsed = cache_view.get_or_compute(
            result_cache.annotation_key("values", item, hashlib.sha256(content).hexdigest(), read),
            lambda: replace(read(item, head.width, head.height), mask=None),
            fields_without_mask,
            lambda plain: ParsedAnnotation(None, **plain),
        )
        return InspectedItem(head, parsed.values, parsed.problems, parsed.code_counts)
    except DataError as problem:
        return problem
    except OSError as error:
        return DataError(item.source, f"could not be read ({error.strerror})", "Mend its rights, or copy it again.")


def _files_by_value(inspected_items: Sequence[InspectedItem], layout: Layout) -> Counter[str]:
    """How many images hold each label, or each id."""
    values = (each.values for each in inspected_items)
    present = map(mask_files.classes_present, values) if layout.classes else values
    return Counter(value for of_image in present for value in of_image)


def _classes(
    root: Path,
    layout: Layout,
    source: Source,
    values: Mapping[str, int],
    mask_counts: Sequence[CodeCounts],
    listed: NameList | None,
) -> Classes:
    """The classes that the labels or ids stand for, by the list beside the data where there is one."""
    if layout.kind in OWN_LISTS:
        names, origin = (listed.names, listed.file) if listed else (source.listed, OWN_LISTS[layout.kind])
        return classes_from_list(names, values, origin)
    if layout.kind == "labelme":
        return classes_from_labels(values, listed or class_names.read_list(root))
    if layout.classes:
        origin = "the list of pairs" if layout.pairs != "none" else "the names of the masks"
        return file_classes.classes_from_file_names(layout.classes, listed or class_names.read_list(root), origin)
    if layout.kind == "masks":
        return mask_names.classes_from_masks(mask_counts, listed or class_names.read_list(root), colour_table.read(root))
    colours = sorted(value for value in values if not value.isdecimal())
    if colours:
        return classes_from_unknown_colours(colours)
    ids = sorted(map(int, values))
    place = source.found.items[0].image if source.found.items else None
    above = place.file.parents if isinstance(place, FileRange) and place.size is None else ()
    tree = next((folder.parent for folder in above if folder.name == "JPEGImages"), root)
    listed = listed or class_names.read_list(root) or class_names.read_list(tree)
    # VOC's ids end with 20, beside its void of 255.
    is_voc = max((value for value in ids if value < 255), default=0) == 20 or bool(re.fullmatch(r"VOC20\d\d", tree.name))
    return classes_from_ids(ids, listed, is_voc)


def _counted(values: Iterable[Value]) -> tuple[tuple[Value, int], ...]:
    """Each value and how often it occurs, the most common first."""
    return tuple(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))
