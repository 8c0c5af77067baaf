"""The made photos: labelme's files in their parts, not to be solved by colour; and the stand-in for the hand that corrects."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segpipe.acquire.examples import photos
from tests.acquire.examples.contents import contents, joined, table_dice

N_TRAIN, N_TEST, N_NEW = 30, 10, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """46 photos."""
    folder = tmp_path_factory.mktemp("photos")
    photos.make(folder, N_TRAIN, N_TEST, N_NEW)
    return folder


def annotations(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def test_the_same_seed_gives_the_same_bytes_however_many_there_are(folder: Path, tmp_path: Path) -> None:
    photos.make(tmp_path / "few", 2, 0, 0)
    photos.make(tmp_path / "other", 2, 0, 0, seed=8)
    whole, few, other = contents(folder), contents(tmp_path / "few"), contents(tmp_path / "other")
    assert len(few) == 4 and all(whole[name] == content for name, content in few.items())
    assert all(content != other[name] for name, content in few.items())


def test_the_parts_hold_what_they_should(folder: Path) -> None:
    assert len(contents(folder)) == 2 * N_TRAIN + 2 * N_TEST + N_NEW
    assert len(annotations(folder / "annotated/train")) == N_TRAIN
    assert len(annotations(folder / "annotated/test")) == N_TEST
    assert len([*(folder / "new").iterdir()]) == len([*(folder / "new").glob("*.jpg")]) == N_NEW


def test_each_part_holds_every_leaf_and_each_shape_lies_in_its_photo(folder: Path) -> None:
    for part in ("train", "test"):
        found = annotations(folder / "annotated" / part)
        assert {shape["label"] for each in found for shape in each["shapes"]} >= set(photos.CLASSES[1:])
        for each in found:
            image = cv2.imread(str(folder / "annotated" / part / each["imagePath"]), -1)
            assert image.shape == (each["imageHeight"], each["imageWidth"], 3) == (photos.SIZE, photos.SIZE, 3)
            for shape in each["shapes"]:
                points = np.array(shape["points"])
                assert len(points) >= 3 and points.min() >= 0 and points.max() <= photos.SIZE


def test_colour_alone_does_not_tell_the_leaves(folder: Path) -> None:
    """A table of 16 x 16 x 16 colours, fitted on 30 photos."""
    found = annotations(folder / "annotated/train") + annotations(folder / "annotated/test")
    files = sorted(folder.glob("annotated/train/*.jpg")) + sorted(folder.glob("annotated/test/*.jpg"))
    levels = [(cv2.imread(str(file)).astype(np.int64) // 16) @ (256, 16, 1) for file in files]
    ids = [mask_of(each) for each in found]
    scores = table_dice(joined(levels[:N_TRAIN]), joined(ids[:N_TRAIN]), joined(levels[N_TRAIN:]), joined(ids[N_TRAIN:]), 4)
    assert 0 < max(scores[1:]) < 0.2


def mask_of(annotation: dict[str, Any]) -> np.ndarray:
    """Class ids, later shapes over earlier ones."""
    mask = np.zeros((photos.SIZE, photos.SIZE), np.uint8)
    for shape in annotation["shapes"]:
        cv2.fillPoly(mask, [np.round(np.array(shape["points"])).astype(np.int32)], photos.CLASSES.index(shape["label"]))
    return mask


def truth(number: int) -> list[tuple[str, np.ndarray]]:
    return photos._polygons(photos._things(photos._rng(photos.SEED, number)))


def predicted(folder: Path, number: int, polygons: list[tuple[str, np.ndarray]]) -> Path:
    """A file as predict writes it."""
    path = folder / f"predictions/labelme/photo{number:04d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    photos._write(path, photos._annotation(polygons, f"../../photos/new/photo{number:04d}.jpg"))
    return path


def leaves(number: int) -> list[tuple[str, np.ndarray]]:
    return [each for each in truth(number) if each[0] != "background"]


NUMBER = next(number for number in range(100) if len(truth(number)) == len(leaves(number)) == 3)


def test_what_fits_is_left_as_it_is_to_the_digit(tmp_path: Path) -> None:
    nearly = [(label, points + 0.01) for label, points in leaves(NUMBER)]
    path = predicted(tmp_path, NUMBER, nearly)
    before = path.read_bytes()
    assert photos.corrected(tmp_path) == "3 left as they were"
    assert path.read_bytes() == before


def test_each_kind_of_mistake_is_mended_and_counted(tmp_path: Path) -> None:
    """One leaf of another class, one drawn half, one forgotten, and something that is no leaf."""
    (label, whole), (second, half), missed = leaves(NUMBER)
    other = next(each for each in photos.CLASSES[1:] if each != label)
    middle = half.mean(axis=0)
    nowhere = np.array([(1.0, 1.0), (4.0, 1.0), (4.0, 4.0)])
    path = predicted(tmp_path, NUMBER, [(other, whole), (second, (half - middle) * 0.7 + middle), ("oak", nowhere)])
    done = photos.corrected(tmp_path)
    assert done == "1 deleted, 1 drawn, 1 drawn anew, 1 given another label"
    shapes = json.loads(path.read_text(encoding="utf-8"))["shapes"]
    assert [shape["label"] for shape in shapes] == [label, second, missed[0]]
    assert all(np.array_equal(shape["points"], points) for shape, (_, points) in zip(shapes, leaves(NUMBER), strict=True))
    assert json.loads(path.read_text(encoding="utf-8"))["imagePath"].endswith(f"photo{NUMBER:04d}.jpg")


def test_corrected_files_hold_the_truth_or_what_nearly_fits(tmp_path: Path) -> None:
    path = predicted(tmp_path, NUMBER, [])
    assert photos.corrected(tmp_path) == "3 drawn"
    assert [shape["label"] for shape in json.loads(path.read_text(encoding="utf-8"))["shapes"]] == [
        each[0] for each in truth(NUMBER)
    ]
