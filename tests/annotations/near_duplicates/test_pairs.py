"""Near-duplicates: the same picture is found however it was changed, and different pictures never are."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.acquire.sample import pictures as sample
from segpipe.annotations.near_duplicates.fingerprint import MAX_KEYPOINTS, fingerprint, parse_fingerprint
from segpipe.annotations.near_duplicates.pairs import LARGE, Pair, clusters, pairs, warnings
from segpipe.annotations.near_duplicates.parts import align
from segpipe.annotations.near_duplicates.whole import ORIENTATIONS, _dct, _sign_bits, gradient_correlation, reoriented
from segpipe.errors import Fix
from segpipe.images.decode import Pixels, decode_image

MOST = 6000
"""Bytes."""
CONCRETE = Path(__file__).parents[4] / "shared" / "data" / "concrete_voc" / "JPEGImages"


def cluster_names(fingerprints: Mapping[str, bytes]) -> dict[str, str]:
    return clusters(pairs(fingerprints))


@cache
def scene(seed: int, height: int = 240, width: int = 320) -> Pixels:
    """A picture of flat, noisy shapes over one another, as a photo has them (dead leaves), RGB."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(140):
        colour = tuple(int(each) for each in random.integers(0, 256, 3))
        centre = tuple(int(each) for each in random.integers(0, (width, height)))
        axes = tuple(int(each) for each in random.integers(6, 40, 2))
        cv2.ellipse(image, centre, axes, float(random.uniform(0, 180)), 0, 360, colour, -1)
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def noise(seed: int, shape: tuple[int, ...] = (96, 96, 1), dtype: type = np.uint8) -> Pixels:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


def jpeg(image: Pixels, quality: int) -> Pixels:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def resized(image: Pixels, factor: float) -> Pixels:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)


CHANGES: dict[str, tuple[Callable[[Pixels], Pixels], str]] = {
    "copy": (lambda image: image, "same"),
    "JPEG 90": (lambda image: jpeg(image, 90), "same"),
    "JPEG 30": (lambda image: jpeg(image, 30), "same"),
    "darker": (lambda image: (image * 0.6 + 10).astype(np.uint8), "same"),
    "half": (lambda image: resized(image, 0.5), "resized"),
    "double": (lambda image: resized(image, 2), "resized"),
    "gray": (lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], "same"),
    "16 bits": (lambda image: image.astype(np.uint16) * 257, "same"),
    "mirrored": (lambda image: image[:, ::-1], "flipped"),
    "upside down": (lambda image: image[::-1], "flipped"),
    "quarter turn": (np.rot90, "flipped"),
    "transposed, JPEG": (lambda image: jpeg(np.ascontiguousarray(image.swapaxes(0, 1)), 60), "flipped"),
    "crop of 60 %": (lambda image: image[20:206, 50:298], "cropped"),
    "crop of 25 %": (lambda image: image[90:210, 40:200], "cropped"),
    "crop, mirrored": (lambda image: image[20:206, 50:298][:, ::-1], "cropped"),
    "crop, turned": (lambda image: np.rot90(image[20:206, 50:298]), "cropped"),
    "crop, smaller, JPEG": (lambda image: jpeg(resized(image[20:206, 50:298], 0.7), 60), "cropped"),
    "border": (lambda image: np.pad(image, ((40, 40), (40, 40), (0, 0))), "cropped"),
    "little turn": (lambda image: np.stack([turned(image[:, :, each], 8) for each in range(3)], axis=2), "cropped"),
}


def turned(channel: NDArray[np.uint8], degrees: float) -> Pixels:
    height, width = channel.shape
    return cv2.warpAffine(channel, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), (width, height))


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_found_and_told_by_its_kind(name: str) -> None:
    change, kind = CHANGES[name]
    prints = {f"{seed}": fingerprint(scene(seed)) for seed in range(5)}
    prints |= {f"{seed} copy": fingerprint(change(scene(seed))) for seed in range(5)}
    found = pairs(prints)
    assert [(each.first, each.second, each.kind) for each in found] == [(f"{n}", f"{n} copy", kind) for n in range(5)]
    assert all(each.distance <= 0.3 for each in found)
    assert cluster_names(prints) == {each: each[0] for each in prints}


def test_two_crops_that_overlap_are_one_cluster_without_the_whole() -> None:
    image = scene(3)
    assert cluster_names({"left": fingerprint(image[:, :210]), "right": fingerprint(image[:, 90:])}) == {
        "left": "left",
        "right": "left",
    }


def test_equal_pixels_have_distance_zero_even_where_there_is_nothing_to_see() -> None:
    white = np.full((50, 60, 3), 255, np.uint8)
    found = pairs({"b": fingerprint(white), "a": fingerprint(white.copy()), "c": fingerprint(white[:-1])})
    assert found == [Pair("a", "b", "same", 0.0)]


def test_plain_pictures_do_not_fall_into_one_cluster() -> None:
    """Blank, dark with noise, gradients, light that falls off: alike at a glance, and not the same picture."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:200, :300] / (200, 300)[0]
    plain = {}
    for n in range(12):
        plain[f"blank {n}"] = np.full((200, 300, 1), 240 + n, np.uint8)
        plain[f"dark {n}"] = random.integers(0, 4, (200, 300, 1)).astype(np.uint8)
        plain[f"gradient {n}"] = (x * (100 + n) + n * y)[..., None].astype(np.uint8)
        plain[f"vignette {n}"] = (200 - (40 + n) * ((x - 0.75) ** 2 + (y - 0.5) ** 2))[..., None].astype(np.uint8)
        plain[f"deep {n}"] = (30000 + 9000 * x + n * 100 * y)[..., None].astype(np.uint16)
        plain[f"blank with noise {n}"] = (245 + random.normal(0, 1.5, (200, 300, 3))).clip(0, 255).astype(np.uint8)
    assert pairs({name: fingerprint(image) for name, image in plain.items()}) == []


@pytest.mark.parametrize(("shape", "dtype"), [((96, 96, 1), np.uint8), ((16, 16, 3), np.uint8), ((64, 90, 5), np.uint16)])
def test_noise_is_never_alike(shape: tuple[int, ...], dtype: type) -> None:
    assert pairs({f"{seed:03}": fingerprint(noise(seed, shape, dtype)) for seed in range(120)}) == []


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 700, 3), (2000, 1, 1), (3, 3, 5), (16, 16, 2), (47, 400, 4), (49, 49, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_and_number_of_channels_has_a_fingerprint(shape: tuple[int, ...], dtype: type) -> None:
    image = noise(1, shape, dtype)
    found = pairs({"a": fingerprint(image), "b": fingerprint(image.copy())})
    assert found == [Pair("a", "b", "same", 0.0)]


def test_tiny_images_are_found_mirrored() -> None:
    image = resized(scene(8), 0.08)
    assert image.shape[:2] == (19, 26)
    assert [each.kind for each in pairs({"a": fingerprint(image), "b": fingerprint(image[:, ::-1])})] == ["flipped"]


@pytest.mark.parametrize("n_images", [24, pytest.param(240, marks=pytest.mark.slow)])
def test_the_sample_has_no_near_duplicates(n_images: int, tmp_path: Path) -> None:
    sample.make(tmp_path, n_images, 128, seed=42)
    prints = {path.stem: fingerprint(decode_image(path.read_bytes(), path.name)) for path in sorted(tmp_path.glob("*.png"))}
    assert len(prints) == n_images
    assert pairs(prints) == []


def test_different_scenes_are_not_alike() -> None:
    assert pairs({f"{seed}": fingerprint(scene(seed)) for seed in range(40)}) == []


def test_a_fingerprint_is_small_and_the_same_whatever_the_number_of_threads() -> None:
    before = cv2.getNumThreads()
    try:
        prints = []
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            prints.append([fingerprint(scene(seed)) for seed in range(4)])
    finally:
        cv2.setNumThreads(before)
    assert prints[0] == prints[1] == prints[2]
    assert max(map(len, prints[0])) <= MOST


def test_the_order_of_images_changes_nothing() -> None:
    prints = {f"{seed}": fingerprint(scene(seed)) for seed in range(4)}
    prints |= {f"x{seed}": fingerprint(scene(seed)[30:220, 10:300]) for seed in range(4)}
    backwards = dict(reversed(prints.items()))
    assert pairs(prints) == pairs(backwards) != []


def test_no_images_and_one_image_have_no_pairs() -> None:
    assert cluster_names({}) == {}
    assert cluster_names({"a": fingerprint(scene(1))}) == {}


def test_more_copies_than_one_point_is_compared_with_are_still_one_cluster() -> None:
    image = scene(2)
    prints = {f"{n:02}": fingerprint(image[n : n + 180, 2 * n : 2 * n + 230]) for n in range(20)}
    assert set(cluster_names(prints).values()) == {"00"}
    assert len(cluster_names(prints)) == 20


def test_the_signs_of_a_moved_picture_are_the_moved_signs() -> None:
    small = parse_fingerprint(fingerprint(scene(4))).thumbnail
    for position in range(len(ORIENTATIONS)):
        there = _dct(np.ascontiguousarray(reoriented(small, position)))
        assert np.array_equal(_sign_bits(there, 0), _sign_bits(_dct(small), position))


def test_likeness_is_the_correlation_of_steps_none_above_the_median() -> None:
    """One bright pixel among steps of 1 counts as 1: its four steps of 90 would hide all others."""
    steep = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 90, 1], [1, 0, 1, 0]])
    even = np.where(steep == 90, 0, steep)
    assert gradient_correlation(steep, steep) == 1
    assert gradient_correlation(even, steep) == pytest.approx(16 / 24)  # 4 of 24 steps, beside the bright pixel, are turned round
    assert gradient_correlation(steep, -steep) == pytest.approx(-1, abs=0.2)
    assert gradient_correlation(steep, np.zeros_like(steep)) == 0


def test_light_that_falls_off_to_one_side_is_not_likeness() -> None:
    random = np.random.default_rng(2)
    one, other = random.integers(-9, 10, (2, 32, 32))
    slope = 5 * np.arange(32) + 3 * np.arange(32)[:, None]
    assert abs(gradient_correlation(one + slope, other + slope)) < 0.15
    assert gradient_correlation(one, one + slope) > 0.95


def test_a_frame_that_all_images_share_does_not_make_them_alike() -> None:
    """As an endoscope's black rim and the name of the hospital do."""
    rim = np.zeros((240, 320, 1), np.uint8)
    cv2.ellipse(rim, (160, 120), (144, 108), 0, 0, 360, 1, -1)
    stamp = {"framed": np.zeros((240, 320, 3), np.uint8), "bordered": np.zeros((300, 380, 3), np.uint8)}
    for each in stamp.values():
        cv2.putText(each, "HOSPITAL 2021", (5, 20), 0, 0.6, (255, 255, 255), 2)
    prints = {}
    for seed in range(20):
        prints[f"framed {seed}"] = fingerprint(np.maximum(scene(seed) * rim, stamp["framed"]))
        white = np.pad(scene(seed + 20), ((30, 30), (30, 30), (0, 0)), constant_values=255)
        prints[f"bordered {seed}"] = fingerprint(white - stamp["bordered"] // 2)
    assert pairs(prints) == []


def test_how_a_crop_lies_on_its_whole_is_found_to_the_pixel() -> None:
    whole = scene(6)
    crop = resized(whole[40:200, 60:260], 1.5)[:, ::-1]
    alignment = align(
        parse_fingerprint(fingerprint(np.ascontiguousarray(crop))), parse_fingerprint(fingerprint(whole)), mirrored=True
    )
    assert alignment is not None
    assert alignment.rotation == pytest.approx(-1 / 1.5, abs=0.02)  # mirrored upside down, then turned by half
    assert alignment.translation == pytest.approx(260 + 40j, abs=3)


def test_points_are_bounded_and_lie_within_the_image() -> None:
    image = parse_fingerprint(fingerprint(scene(7)))
    assert len(image.keypoints) == MAX_KEYPOINTS
    assert (image.keypoints >= 0).all()
    assert (image.keypoints <= (320, 240)).all()


def test_clusters_are_named_by_the_smallest_id_whatever_the_order_of_links() -> None:
    links = [Pair("c", "d", "same", 0), Pair("a", "b", "same", 0), Pair("b", "d", "same", 0), Pair("x", "y", "same", 0)]
    expected = {"a": "a", "b": "a", "c": "a", "d": "a", "x": "x", "y": "x"}
    assert clusters(links) == clusters(links[::-1]) == expected


def test_pairs_and_long_chains_are_reported_as_warnings() -> None:
    chain = [Pair(f"{n:02}", f"{n + 1:02}", "cropped", 0.1) for n in range(14)]
    told = warnings([*chain, Pair("x", "y", "flipped", 0)], [f"{number}" for number in range(100)])
    assert all(each.warning for each in told)
    assert str(told[14]).startswith("x = y: the same picture mirrored or turned.")
    assert [each.file for each in told[15:]] == ["15 images like 00"]
    assert told[15].fix is None
    frames = [f"seq{number // 25:02}_{number:05}" for number in range(100)]
    assert warnings(chain, frames)[14].fixes[0] == Fix("split.group", "name")
    assert len(warnings(chain, [f"{number}" for number in range(round(15 / LARGE) + 1)])) == 14


@pytest.mark.skipif(not CONCRETE.is_dir(), reason=f"{CONCRETE} is absent")
def test_a_patch_that_a_real_data_set_holds_twice_is_found() -> None:
    names = [f"2022_{number}" for number in (1024, 1466, 10, 100)]
    prints = {name: fingerprint(decode_image((CONCRETE / f"{name}.jpg").read_bytes(), name)) for name in names}
    assert [(each.first, each.second, each.kind) for each in pairs(prints)] == [("2022_1024", "2022_1466", "same")]


def test_images_without_points_after_the_others_confuse_nobody() -> None:
    """Their number counts wherever a pair of images is one number."""
    picture = scene(7, 300, 400)
    prints = {"a": fingerprint(scene(1, 300, 400)), "b": fingerprint(picture), "c": fingerprint(picture[20:260, 30:330])}
    flat = {f"z{number}": fingerprint(np.full((20, 20, 1), number, np.uint8)) for number in range(5)}
    assert cluster_names(prints | flat) == cluster_names(prints) == {"b": "b", "c": "b"}
