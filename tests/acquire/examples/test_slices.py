"""The made slices: 16 bits, a table of groups, each class in any fold, and not to be solved by brightness."""

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.acquire.examples import slices
from segpipe.annotations.groups import table_in
from tests.acquire.examples.contents import contents, joined, table_dice

Pair = tuple[NDArray[np.uint16], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotated slices of the example; the new ones lie beside."""
    folder = tmp_path_factory.mktemp("slices")
    slices.make(folder)
    return folder / "annotated"


@pytest.fixture(scope="module")
def pairs(folder: Path) -> dict[str, Pair]:
    """Image and mask of every slice of the example, by name."""
    names = [path.name for path in sorted((folder / "images").iterdir())]
    assert names == [path.name for path in sorted((folder / "masks").iterdir())]
    return {name: tuple(cv2.imread(str(folder / kind / name), -1) for kind in ("images", "masks")) for name in names}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        slices.make(tmp_path / name, 1, 1, seed)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again and one.keys() == other.keys()
    assert {name for name in one if one[name] == other[name]} == {"annotated/classes.txt", "annotated/groups.csv"}


def test_a_slice_does_not_depend_on_how_many_patients_there_are(tmp_path: Path) -> None:
    slices.make(tmp_path / "one", 1, 0)
    slices.make(tmp_path / "more", 2, 0)
    one, more = contents(tmp_path / "one"), contents(tmp_path / "more")
    assert {name for name in one if more[name] != one[name]} == {"annotated/groups.csv"}


def test_images_are_gray_in_sixteen_bits_and_masks_hold_ids(pairs: dict[str, Pair]) -> None:
    assert len(pairs) == slices.PATIENTS * slices.SLICES
    for image, mask in pairs.values():
        assert (image.dtype, mask.dtype) == (np.uint16, np.uint8)
        assert image.shape == mask.shape == (slices.SIZE, slices.SIZE)
        assert image.max() > 4096 and mask.max() < len(slices.CLASSES)


def test_the_table_says_whose_each_slice_is(folder: Path, pairs: dict[str, Pair]) -> None:
    assert table_in(folder) == "groups.csv"
    with (folder / "groups.csv").open(encoding="utf-8") as stream:
        groups = {row["image"]: row["group"] for row in csv.DictReader(stream)}
    assert [f"{name}.png" for name in groups] == list(pairs)
    assert set(Counter(groups.values()).values()) == {slices.SLICES}


def test_any_four_patients_hold_every_class(pairs: dict[str, Pair]) -> None:
    """So does each part, of four patients or more: all but three at most have each class themselves."""
    masks = np.stack([mask for _, mask in pairs.values()]).reshape(slices.PATIENTS, -1)
    for each in range(len(slices.CLASSES)):
        assert (masks == each).any(axis=1).sum() >= slices.PATIENTS - 3


def test_brightness_alone_tells_neither_organ_nor_nodules(pairs: dict[str, Pair]) -> None:
    """A table of 256 levels up to each image's own brightest, fitted on 20 patients: on the others' slices it is far from 0.9."""
    levels = [np.minimum(image / np.percentile(image, 99.5) * 255, 255).astype(np.int64) for image, _ in pairs.values()]
    ids = [mask for _, mask in pairs.values()]
    test = 5 * slices.SLICES
    found = table_dice(joined(levels[test:]), joined(ids[test:]), joined(levels[:test]), joined(ids[:test]), 3)
    assert 0 < max(found[1:]) < 0.45


def test_the_last_new_patient_is_scanned_badly(folder: Path) -> None:
    files = sorted((folder.parent / "new").iterdir())
    assert [path.name for path in files] == [f"slice{number}.png" for number in range(150, 150 + slices.NEW * slices.SLICES)]
    # What the air holds, where there is nothing but noise.
    air = [cv2.imread(str(path), -1)[:6, :6] for path in files]
    relative = [
        float(np.median(corner) / np.percentile(cv2.imread(str(path), -1), 90)) for corner, path in zip(air, files, strict=True)
    ]
    assert min(relative[-slices.SLICES :]) > 2 * max(relative[: -slices.SLICES])
