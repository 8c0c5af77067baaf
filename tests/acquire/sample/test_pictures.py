"""The sample data: repeatable, in labelme's format, annotated to the pixel, and not to be solved by colour."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from segpipe.acquire.sample.pictures import CLASSES, make

N_IMAGES, SIZE = 80, 128
IMAGE_KEYS = {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"}
SHAPE_KEYS = {"label", "points", "group_id", "shape_type", "flags"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample of 80 images."""
    folder = tmp_path_factory.mktemp("sample")
    make(folder, N_IMAGES, SIZE, seed=42)
    return folder


@pytest.fixture(scope="module")
def annotations(folder: Path) -> list[dict[str, Any]]:
    """What the JSON files say, in order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


@pytest.fixture(scope="module")
def images(folder: Path) -> NDArray[np.uint8]:
    """All pictures, (n, size, size, 3)."""
    return np.stack([cv2.imread(str(path)) for path in sorted(folder.glob("*.png"))])


@pytest.fixture(scope="module")
def masks(annotations: list[dict[str, Any]]) -> NDArray[np.uint8]:
    """Class ids, (n, size, size)."""
    return np.stack([mask_of(annotation) for annotation in annotations])


def mask_of(annotation: dict[str, Any]) -> NDArray[np.uint8]:
    """Class ids (size, size), by labelme's own rule: Pillow's polygons, each over those before it."""
    canvas = Image.new("L", (annotation["imageWidth"], annotation["imageHeight"]), 0)
    for shape in annotation["shapes"]:
        value = CLASSES.index(shape["label"])
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in shape["points"]], fill=value, outline=value)
    return np.asarray(canvas)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        make(tmp_path / name, 4, 64, seed)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert sorted(one) == sorted(f"image{i:04d}.{suffix}" for i in range(4) for suffix in ("json", "png"))
    assert all(one[name] != other[name] for name in one)


def test_a_picture_does_not_depend_on_how_many_are_made(folder: Path, tmp_path: Path) -> None:
    make(tmp_path, 3, SIZE, seed=42)
    whole = contents(folder)
    assert len(contents(tmp_path)) == 6
    assert all(whole[name] == content for name, content in contents(tmp_path).items())


def test_each_annotation_names_its_picture_and_its_true_size(folder: Path, annotations: list[dict[str, Any]]) -> None:
    assert len(annotations) == N_IMAGES
    for annotation in annotations:
        assert set(annotation) == IMAGE_KEYS
        assert annotation["imageData"] is None
        image = cv2.imread(str(folder / annotation["imagePath"]), cv2.IMREAD_UNCHANGED)
        assert image.dtype == np.uint8
        assert image.shape == (annotation["imageHeight"], annotation["imageWidth"], 3) == (SIZE, SIZE, 3)


def test_each_shape_is_a_polygon_of_a_known_class_within_the_picture(annotations: list[dict[str, Any]]) -> None:
    for shape in (shape for annotation in annotations for shape in annotation["shapes"]):
        assert set(shape) == SHAPE_KEYS
        assert shape["shape_type"] == "polygon"
        assert shape["label"] in CLASSES
        points = np.array(shape["points"])
        assert points.ndim == 2 and points.shape[0] >= 3 and points.shape[1] == 2
        assert points.min() >= 0 and points.max() <= SIZE


def test_the_classes_are_about_as_frequent(annotations: list[dict[str, Any]]) -> None:
    counts = Counter(shape["label"] for annotation in annotations for shape in annotation["shapes"])
    animals = [counts[label] for label in CLASSES[1:]]
    assert min(animals) > 0.6 * max(animals)
    assert counts["background"] > 0  # something hides part of an animal


def test_a_few_pictures_have_no_animal_and_the_others_one_to_three(annotations: list[dict[str, Any]]) -> None:
    animals = [sum(shape["label"] != "background" for shape in annotation["shapes"]) for annotation in annotations]
    assert set(animals) == {0, 1, 2, 3}
    assert 0.03 * N_IMAGES <= animals.count(0) <= 0.08 * N_IMAGES
    assert all(annotation["shapes"] == [] for annotation, count in zip(annotations, animals, strict=True) if count == 0)


def test_most_of_every_animal_can_be_seen(annotations: list[dict[str, Any]]) -> None:
    for annotation in annotations:
        for number, shape in enumerate(annotation["shapes"]):
            if shape["label"] == "background":
                continue
            alone = mask_of(annotation | {"shapes": [shape]}) > 0
            above = mask_of(annotation | {"shapes": [other | {"label": "fish"} for other in annotation["shapes"][number + 1 :]]})
            assert (alone & (above == 0)).sum() > 0.6 * alone.sum()


def test_the_pictures_change_most_exactly_where_the_annotation_does(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> None:
    """Moves the masks by up to 2 pixels either way: unmoved, their borders must lie on by far the strongest edges."""
    contrast = {(y, x): edge_contrast(images, masks, y, x) for y in range(-2, 3) for x in range(-2, 3)}
    unmoved = contrast.pop((0, 0))
    assert unmoved > 1.2 * max(contrast.values())


def edge_contrast(images: NDArray[np.uint8], masks: NDArray[np.uint8], move_y: int, move_x: int) -> float:
    """The mean colour difference of two neighbours that the moved masks put into different classes."""
    moved = np.roll(masks.astype(int), (move_y, move_x), (1, 2))[:, 4:-4, 4:-4]
    inner = images.astype(int)[:, 4:-4, 4:-4]
    steps = [np.abs(np.diff(inner, axis=axis)).sum(-1)[np.diff(moved, axis=axis) != 0] for axis in (1, 2)]
    return float(np.concatenate(steps).mean())


def test_colour_alone_does_not_tell_the_classes(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> None:
    """A histogram of 32 x 32 x 32 colours, each bin given its commonest class, on a test part of 20 %."""
    bins = (images.astype(int) // 8) @ (1024, 32, 1)
    n_test = N_IMAGES // 5
    counts = np.stack([np.bincount(bins[n_test:][masks[n_test:] == k], minlength=32**3) for k in range(len(CLASSES))])
    predicted, truth = counts.argmax(0)[bins[:n_test]], masks[:n_test]
    dice = [
        2 * ((predicted == k) & (truth == k)).sum() / ((predicted == k).sum() + (truth == k).sum())
        for k in range(1, len(CLASSES))
    ]
    assert 0 < np.mean(dice) < 0.55
