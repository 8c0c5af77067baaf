"""Over layouts of every format, with files too many and too few: each image file is in the pack, in a finding, or hidden."""

import io
import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.examination.result import Examination
from segpipe.annotations.formats.table import source_of
from segpipe.errors import PipelineError
from segpipe.images.decode import SUFFIXES
from segpipe.params.schema import DataParams
from tests.annotations.data_params import data_params
from tests.corpus.build import LEFT, half, shape
from tests.corpus.case import examined

KINDS = {".png": "PNG", ".jpg": "JPEG", ".JPG": "JPEG", ".tif": "TIFF", ".bmp": "BMP", ".webp": "WEBP", ".gif": "GIF"}
FOLDERS = (
    *("", "images", "masks", "labels", "images_1", "labels_1", "train/images", "train/masks", "train/images_1", "train/labels"),
    *("JPEGImages", "SegmentationClass", "JPEGImages/sub", "SegmentationClass/sub", "SegmentationObject"),
    *("previews", "previews/deep", ".hidden", "x y (1 image file)"),
)
STEMS = ("a", "b", "c", "a_mask", "A")
LISTED = st.lists(st.sampled_from(("a", "b", "c", "sub/a", "d")), max_size=3).map("\n".join)


@cache
def image(suffix: str, is_mask: bool) -> bytes:
    stream = io.BytesIO()
    values = np.repeat([[0, 1]], 4, 0).repeat(4, 1).astype(np.uint8) if is_mask else np.arange(32, dtype=np.uint8).reshape(4, 8)
    Image.fromarray(values).save(stream, KINDS[suffix])
    return stream.getvalue()


PLACES = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS), st.sampled_from([*KINDS]))
TEXTS = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS)).map(lambda each: f"{each[0]}/{each[1]}.txt".lstrip("/"))
BASES = {
    "masks": ("images/a.png", "masks/a.png", "images/b.jpg", "masks/b.png"),
    "labelme": ("a.jpg", "train/images/b.png"),
    "coco": ("images/a.jpg", "train/images/b.png"),
    "yolo": ("images/a.jpg", "train/images/b.png", "train/images_1/c.jpg"),
    "voc": ("JPEGImages/a.jpg", "SegmentationClass/a.png", "JPEGImages/sub/b.jpg", "SegmentationClass/b.png"),
}


def write(root: Path, name: str, content: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def annotate(root: Path, source: str, lists: dict[str, str]) -> None:
    """What the format needs beside its images."""
    if source == "labelme":
        for name in ("a", "train/images/b"):
            write(root, f"{name}.json", json.dumps({"shapes": [shape("object")], "imagePath": ""}))
    if source == "coco":
        segmentation = [[value for point in LEFT for value in point]]
        entries = [{"id": at, "file_name": name, "width": 8, "height": 4} for at, name in enumerate(("a.jpg", "b.png", "c.bmp"))]
        rows = [{"id": at, "image_id": at, "category_id": 1, "segmentation": segmentation} for at in range(2)]
        content = {"images": entries, "annotations": rows, "categories": [{"id": 1, "name": "object"}]}
        write(root, "annotations/instances.json", json.dumps(content))
    if source == "yolo":
        write(root, "data.yaml", "names: [object]\ntrain: train/images\nval: nowhere\n")
        for name in ("labels/a", "train/labels/b", "train/labels_1/c"):
            write(root, f"{name}.txt", half(0))
    if source == "voc":
        for name, text in lists.items():
            write(root, f"ImageSets/Segmentation/{name}.txt", text)


def is_named(name: str, text: str) -> bool:
    return re.search(rf"(^|[\s(\"]){re.escape(name)}($|[\s:;,)\"]|\.\s)", text) is not None


def vanished(root: Path, data: DataParams, examination: Examination) -> list[str]:
    """The image files that nothing speaks of, by a count of its own."""
    told = [str(problem) for problem in examination.problems]
    subjects = {problem.file for problem in examination.problems}
    folded = {subject.casefold() for subject in subjects}
    stems = {PurePosixPath(subject).with_suffix("").as_posix() for subject in subjects if subject.lower().endswith(SUFFIXES)}
    packed = {record.id for record in examination.records}
    used: set[Path] = set()
    for item in source_of(data, root, ()).found.items:
        is_told = any(is_named(name, text) for name in (item.source, item.annotation_name) if name for text in told)
        if item.id in packed or is_told:
            used |= {place.file for part in (item.image, item.annotation) if part for place in part.file_ranges()}
    counts = Counter()
    left = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in name.parts) or path in used:
            continue
        own, bare = name.as_posix(), name.with_suffix("").as_posix()
        inside = re.sub("^(JPEGImages|SegmentationClass)/", "", bare)
        if any(is_named(own, text) for text in told) or bare in stems or {inside.casefold(), name.stem.casefold()} & folded:
            continue
        if own.startswith("SegmentationClass/") and name.stem in {PurePosixPath(stem).name for stem in stems}:
            continue  # the mask of an image that is named
        counts[name.parent.as_posix()] += 1
        left.append(own)
    for folder, count in counts.items():
        where = "the folder itself" if folder == "." else folder
        numbers = [int(found[1]) for each in subjects if (found := re.match(rf"{re.escape(where)} \((\d+) image file", each))]
        if numbers and numbers[0] >= count:
            left = [name for name in left if PurePosixPath(name).parent.as_posix() != folder]
    return left


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("source", [*BASES])
@given(
    extra=st.lists(PLACES, max_size=6),
    texts=st.lists(TEXTS, max_size=3),
    missing=st.sets(st.integers(0, 3), max_size=2),
    links=st.lists(st.sampled_from(("images/l.png", "l.jpg", "JPEGImages/a.webp")), max_size=1),
    lists=st.dictionaries(st.sampled_from(("train", "val", "test", "trainval", "default", "Train")), LISTED, min_size=1),
    rule=st.sampled_from(("error", "skip", "background")),
)
def test_no_image_vanishes(
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    extra: list[tuple[str, str, str]],
    texts: list[str],
    missing: set[int],
    links: list[str],
    lists: dict[str, str],
    rule: str,
) -> None:
    root = tmp_path_factory.mktemp("any") / "x"
    names = [name for at, name in enumerate(BASES[source]) if at not in missing]
    names += [f"{folder}/{stem}{suffix}".lstrip("/") for folder, stem, suffix in extra]
    for name in names:
        suffix = next(suffix for suffix in KINDS if name.endswith(suffix))
        write(root, name, image(suffix, "mask" in name or "Class" in name))
    annotate(root, source, lists)
    for name in texts:
        write(root, name, half(0))
    for name in links:
        if not os.path.lexists(root / name):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to("gone.png")
    data = data_params(root, source, near_duplicates="none", unannotated=rule)
    try:
        examination = examined(data, root)
    except PipelineError as error:
        assert str(error).startswith(str(root))
        return
    assert vanished(root, data, examination) == []
    assert {name for name in links if (root / name).is_symlink()} <= {problem.file for problem in examination.problems}
