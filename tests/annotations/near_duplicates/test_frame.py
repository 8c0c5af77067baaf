"""Frames, black or white, straight, slanted or round: they link no two pictures, and hide no true pair."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.annotations.near_duplicates.fingerprint import fingerprint, parse_fingerprint
from segpipe.annotations.near_duplicates.frame import content_of
from segpipe.annotations.near_duplicates.pairs import pairs
from segpipe.images.decode import Pixels
from tests.annotations.near_duplicates.test_pairs import scene

N = 20
Place = Callable[[int], float]


def tile(seed: int, size: int, contrast: float = 15) -> Pixels:
    """A smooth, noisy piece of land of few corners, as a satellite sees it."""
    random = np.random.default_rng(seed)
    land = sum(
        cv2.resize(random.normal(0, 1, (side, side)), (size, size), interpolation=cv2.INTER_CUBIC) / side**0.7
        for side in (3, 6, 12)
    )
    land = 120 + contrast * (land - np.mean(land)) / np.std(land)
    return np.clip(land[..., None] + random.normal(0, 3, (size, size, 3)), 1, 255).astype(np.uint8)


def cut(image: Pixels, degrees: float, offset: float, frame: int = 0) -> Pixels:
    """The picture with all beyond a slanted line in one value."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    angle = np.deg2rad(degrees)
    beyond = (x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle) + offset < 0
    return np.where(beyond[..., None], frame, image).astype(np.uint8)


def turned(image: Pixels, degrees: float, frame: int = 0) -> Pixels:
    """The picture turned within a frame."""
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 0.75)
    return cv2.warpAffine(image, matrix, (side, side), borderValue=(frame,) * 3)


def anywhere(seed: int) -> float:
    return float(np.random.default_rng(seed).uniform(0, 360))


FRAMED: dict[str, Callable[[int], Pixels]] = {
    "one line, the same in all": lambda seed: cut(tile(seed, 256), 17, 40),
    "one line anywhere": lambda seed: cut(tile(seed, 256), anywhere(seed), anywhere(seed + 99) / 6),
    "one line, larger": lambda seed: cut(tile(seed, 360), anywhere(seed), 30),
    "one line, white": lambda seed: cut(tile(seed, 256), 17, 40, 255),
    "turned": lambda seed: turned(tile(seed, 256), anywhere(seed)),
    "turned, JPEG": lambda seed: jpeg(turned(tile(seed, 256, 30), 20)),
    "turned, of many corners": lambda seed: turned(scene(seed, 400, 400), anywhere(seed)),
}


def jpeg(image: Pixels) -> Pixels:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize("name", FRAMED)
def test_of_twenty_framed_pictures_and_a_crop_the_one_true_pair_is_found(name: str) -> None:
    prints = {f"{seed:02}": fingerprint(FRAMED[name](seed)) for seed in range(N)}
    side = FRAMED[name](7).shape[0]
    prints["07 crop"] = fingerprint(np.ascontiguousarray(FRAMED[name](7)[side // 8 : -side // 16, side // 8 : -side // 16]))
    assert [(each.first, each.second) for each in pairs(prints)] == [("07", "07 crop")]


def test_no_point_lies_on_a_frames_edge() -> None:
    framed = parse_fingerprint(fingerprint(cut(tile(3, 256), 0, 60)))  # black up to x = 68
    assert len(framed.keypoints) > 50
    assert framed.keypoints[:, 0].min() > 68 + 9


def shares(gray: NDArray[np.uint8]) -> float:
    """The share of a picture that is content."""
    content = content_of(gray)
    return 1.0 if content is None else float((content > 0).mean())


def test_the_content_is_what_a_frame_leaves() -> None:
    gray = tile(1, 200)[:, :, 0]
    half = np.where(np.arange(200) < 100, 0, gray).astype(np.uint8)
    assert shares(half) == pytest.approx(0.5, abs=0.01)
    assert shares(np.where(np.arange(200) < 100, 255, gray).astype(np.uint8)) == pytest.approx(0.5, abs=0.01)
    disc = np.zeros_like(gray)
    cv2.circle(disc, (100, 100), 90, 1, -1)
    assert shares(gray * disc) == pytest.approx(np.pi * 0.45**2, abs=0.02)
    assert shares((gray.astype(np.uint16) * 16 * disc).astype(np.uint16)) == pytest.approx(np.pi * 0.45**2, abs=0.02)


def test_what_is_no_frame_is_content() -> None:
    gray = tile(2, 200)[:, :, 0]
    y, x = np.mgrid[:200, :200]
    sky = np.where(y < 60 + 30 * np.sin(x / 9.0), 255, gray)  # light above a jagged line
    cells = np.zeros_like(gray)
    for place in np.random.default_rng(0).integers(10, 190, (40, 2)).tolist():
        cv2.circle(cells, place, 8, 200, -1)
    assert [content_of(each.astype(np.uint8)) for each in (gray, sky, cells)] == [None] * 3
    for flat in (np.zeros((60, 60), np.uint8), np.full((60, 60), 7, np.uint16)):
        assert content_of(flat) is None
