"""The made scenes: five bands and a place that segpipe reads back, each class common, and not to be solved by a pixel's bands."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.acquire.examples import fields
from segpipe.images import tiff_place
from segpipe.images.decode import decode_image
from tests.acquire.examples.contents import contents, joined, pixel_dice

Pair = tuple[NDArray[np.uint16], NDArray[np.uint8]]
N = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve annotated scenes; two new ones lie beside."""
    folder = tmp_path_factory.mktemp("fields")
    fields.make(folder, N, 2)
    return folder / "annotated"


@pytest.fixture(scope="module")
def pairs(folder: Path) -> list[Pair]:
    """Image (H, W, 5) and mask of each."""
    images = [decode_image(path.read_bytes(), path.name) for path in sorted((folder / "images").iterdir())]
    return list(zip(images, [cv2.imread(str(path), -1) for path in sorted((folder / "masks").iterdir())], strict=True))


def test_the_same_seed_gives_the_same_bytes_however_many_there_are(folder: Path, tmp_path: Path) -> None:
    fields.make(tmp_path / "few", 2, 0)
    fields.make(tmp_path / "other", 2, 0, seed=8)
    whole, few, other = contents(folder.parent), contents(tmp_path / "few"), contents(tmp_path / "other")
    assert all(whole[name] == content for name, content in few.items())
    assert {name for name in few if few[name] == other[name]} == {"annotated/classes.txt"}


def test_scenes_have_five_bands_of_sixteen_bits_and_are_larger_than_the_crop(pairs: list[Pair]) -> None:
    assert len(pairs) == N
    for image, mask in pairs:
        assert (image.dtype, image.shape) == (np.uint16, (fields.SIZE, fields.SIZE, 5))
        assert (mask.dtype, mask.shape) == (np.uint8, (fields.SIZE, fields.SIZE))
        assert image.max() < 10000


def test_each_class_covers_a_twentieth_or_more(pairs: list[Pair]) -> None:
    counts = np.bincount(joined([mask for _, mask in pairs]), minlength=5)
    assert len(counts) == len(fields.CLASSES)
    assert counts.min() > counts.sum() / 20
    holding = [sum((mask == each).any() for _, mask in pairs) for each in range(5)]
    assert min(holding) >= 0.7 * N


def test_each_scene_has_its_place_beside_the_last(folder: Path) -> None:
    first, second = (tiff_place.place_of(folder / f"images/scene0{number}.tif") for number in (0, 1))
    assert first == fields.place(0) and second == fields.place(1)
    east = [np.frombuffer(place[33922][2])[3] for place in (first, second)]
    assert east[1] - east[0] == fields.SIZE * fields.METRES
    assert tiff_place.pixel_size(folder / "images/scene00.tif") == (10**10, 10**10)


def test_the_bands_of_a_pixel_do_not_tell_the_classes(pairs: list[Pair]) -> None:
    """A Gaussian classifier of all five, fitted on nine scenes."""
    bands = [np.log(image.astype(np.float64)) for image, _ in pairs]
    ids = [mask for _, mask in pairs]
    found = pixel_dice(joined(bands[3:]), joined(ids[3:]), joined(bands[:3]), joined(ids[:3]), 5)
    assert 0.2 < np.mean(found) < 0.62


def test_new_scenes_come_after_the_annotated_ones(folder: Path) -> None:
    new = folder.parent / "new"
    assert sorted(contents(new)) == ["scene12.tif", "scene13.tif"]
    assert tiff_place.place_of(new / "scene12.tif") == fields.place(12)
