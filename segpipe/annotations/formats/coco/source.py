"""COCO: JSON files of instances anywhere below the folder, and the images that they list."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from segpipe.annotations import foreign_files, labels
from segpipe.annotations.class_map import class_ids
from segpipe.annotations.formats.coco import crowds
from segpipe.annotations.formats.coco.file import AnnotationSpans, CocoFile, read_file
from segpipe.annotations.formats.coco.image_lookup import ImageLookup, part_of
from segpipe.annotations.formats.coco.mask import read
from segpipe.annotations.items import (
    Item,
    ItemList,
    Source,
    files_below,
    images_below,
    part_in_names,
    sorted_items,
    unannotated,
    without_folder,
)
from segpipe.errors import DataError, PipelineError
from segpipe.params.schema import DataParams
from segpipe.storage.byte_source import FileRange

IMAGES = "images"
EXPORT = "Export instance segmentation as COCO JSON."
LEFT_OUT = "It was left out; only files of instances are read."


def source(root: Path, data: DataParams) -> Source:
    """The images that the COCO files under `root` list. Raises PipelineError where there is no such file."""
    ids = class_ids(data.coco.classes, data.class_map)
    files, problems = _files(root)
    counts = _counts(files)
    problems += crowds.problems(counts, ids) if data.coco.crowds == "ignore" else crowds.read_as_objects(counts)
    return Source(
        find(root, files, problems, data.unannotated),
        ids.classes,
        partial(read, ids=ids, how=data.shapes, crowds_are=data.coco.crowds),
        partial(labels.unknown_labels, ids=ids, key="data.coco.classes"),
        listed=tuple(dict.fromkeys(name for file in files for name in file.names)),
        suggested_keys={"data.coco.crowds": "object"} if any(count.is_crowds_alone for count in counts.values()) else {},
    )


def _counts(files: Sequence[CocoFile]) -> dict[str, crowds.AnnotationCount]:
    """The objects and crowds of each category's name, in all files."""
    counts: dict[str, crowds.AnnotationCount] = {}
    for file in files:
        for key, count in file.counts.items():
            if name := file.categories.get(key):
                counts[name] = counts.get(name, crowds.AnnotationCount()) + count
    return counts


def find(root: Path, files: Sequence[CocoFile], problems: Iterable[DataError], rule: str) -> ItemList:
    """Every image that the files list and, by `rule` (error, skip, background), those that none lists."""
    images = {path.relative_to(root).as_posix(): path for path in images_below(root)}
    places = ImageLookup(images)
    items: list[Item] = []
    found = [*problems, *(problem for file in files for problem in file.problems)]
    taken: dict[str, str] = {}
    for file in files:
        for image in file.images:
            match = places.of(file, image)
            if isinstance(match, DataError):
                found.append(match)
            elif match in taken:
                where = f"twice in {file.name}" if taken[match] == file.name else f"in {taken[match]} and in {file.name}"
                what = f"listed {where}, so that its annotations are in two places"
                found.append(DataError(match, what, "Take one of the two out, with its annotations."))
            else:
                taken[match] = file.name
                own = file.pieces(image), f"{match} in {file.name}"
                items.append(_item(match, images[match], part_of(file, match), *own))
    # While a file is broken, nobody knows which images it lists.
    is_whole = all(problem.warning for problem in problems)
    for name in images.keys() - taken.keys() if is_whole else ():
        problem = unannotated(name, rule, "an entry in a COCO file")
        if problem:
            found.append(problem)
        elif rule == "background":
            items.append(_item(name, images[name], part_in_names(PurePosixPath(name).parts[-2::-1])))
    return sorted_items(items, sorted(found, key=str))


def _files(root: Path) -> tuple[list[CocoFile], list[DataError]]:
    """The files of instances under `root`, and a sentence for each other JSON file. Raises PipelineError for none."""
    files: list[CocoFile] = []
    problems: list[DataError] = []
    others: list[str] = []
    advice = ""
    for path in files_below(root, (".json",)):
        name = path.relative_to(root).as_posix()
        try:
            file = read_file(path, name)
        except DataError as problem:
            problems.append(problem)
            continue
        except OSError as error:
            problems.append(DataError(name, f"could not be read ({error.strerror})", "Mend its rights, or copy it again."))
            continue
        if file and not file.other:
            files.append(file)
        else:
            what, remedy = _other(path, file)
            others.append(f"{name} is {what.replace('a JSON file', 'a file')}")
            advice = advice or ("" if remedy == LEFT_OUT else remedy)
            problems.append(DataError(name, what, remedy, warning=True))
    if not files and not any(not problem.warning for problem in problems):
        listed = f" ({'; '.join(others[:3])}{' ...' if len(others) > 3 else ''})" if others else ""
        raise PipelineError(f"{root}: no COCO file of instances in it{listed}. {advice or EXPORT}")
    # COCO's own download repeats the persons of its instances in a file of keypoints.
    if not all(file.keypoints for file in files):
        problems += [_left_out(file) for file in files if file.keypoints]
        files = [file for file in files if not file.keypoints]
    return files, problems


def _other(path: Path, file: CocoFile | None) -> tuple[str, str]:
    """What a file is that holds no instances, and what to do."""
    program = foreign_files.program_of_file(path) if file is None else None
    if program:
        return program.what, program.remedy
    of = "that is not COCO's (it has no lists of images and annotations)" if file is None else f"of COCO's {file.other}"
    return f"a JSON file {of}", LEFT_OUT


def _left_out(file: CocoFile) -> DataError:
    what = "a JSON file of COCO's keypoints beside one of instances"
    return DataError(file.name, what, LEFT_OUT, warning=True)


def _item(name: str, path: Path, given: str, annotation: AnnotationSpans | None = None, annotation_name: str = "") -> Item:
    return Item(without_folder(name, IMAGES), name, FileRange(path), annotation, given, annotation_name=annotation_name)
