"""The made slices: 16 bits, groups by name, each class in any fold, and not to be solved by brightness."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.acquire.examples import slices
from segpipe.annotations.name_groups import suggest_pattern
from tests.acquire.examples.contents import contents, joined, table_dice

Pair = tuple[NDArray[np.uint16], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Image and mask of every slice of the example, by name."""
    folder = tmp_path_factory.mktemp("slices")
    slices.make(folder)
    names = [path.name for path in sorted((folder / "images").iterdir())]
    assert names == [path.name for path in sorted((folder / "masks").iterdir())]
    return {name: tuple(cv2.imread(str(folder / kind / name), -1) for kind in ("images", "masks")) for name in names}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        slices.make(tmp_path / name, 2, 2, seed)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again and one.keys() == other.keys()
    assert {name for name in one if one[name] == other[name]} == {"classes.txt"}


def test_a_slice_does_not_depend_on_how_many_patients_there_are(tmp_path: Path) -> None:
    slices.make(tmp_path / "one", 1, 2)
    slices.make(tmp_path / "more", 2, 2)
    more = contents(tmp_path / "more")
    assert all(more[name] == content for name, content in contents(tmp_path / "one").items())


def test_images_are_gray_in_sixteen_bits_and_masks_hold_ids(pairs: dict[str, Pair]) -> None:
    assert len(pairs) == slices.PATIENTS * slices.SLICES
    for image, mask in pairs.values():
        assert (image.dtype, mask.dtype) == (np.uint16, np.uint8)
        assert image.shape == mask.shape == (slices.SIZE, slices.SIZE)
        assert image.max() > 4096 and mask.max() < len(slices.CLASSES)


def test_the_names_show_the_patients(pairs: dict[str, Pair]) -> None:
    pattern = suggest_pattern([name.removesuffix(".png") for name in pairs])
    assert pattern and "patient" in pattern


def test_any_four_patients_hold_every_class(pairs: dict[str, Pair]) -> None:
    """So does each part, of four patients or more: all but three at most have each class themselves."""
    for each in range(len(slices.CLASSES)):
        holding = {name.split("_")[0] for name, (_, mask) in pairs.items() if (mask == each).any()}
        assert len(holding) >= slices.PATIENTS - 3


def test_brightness_alone_tells_neither_organ_nor_nodules(pairs: dict[str, Pair]) -> None:
    """A table of 256 levels up to each image's own brightest, fitted on 20 patients: on the others' slices it is far from 0.9."""
    levels = [np.minimum(image / np.percentile(image, 99.5) * 255, 255).astype(np.int64) for image, _ in pairs.values()]
    ids = [mask for _, mask in pairs.values()]
    test = 5 * slices.SLICES
    found = table_dice(joined(levels[test:]), joined(ids[test:]), joined(levels[:test]), joined(ids[:test]), 3)
    assert 0 < max(found[1:]) < 0.45
