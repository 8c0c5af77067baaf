"""What mask files of any kind hold: a code for each pixel, or one sentence on why there is none."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segpipe.annotations.formats.masks import codes as mask_codes
from segpipe.annotations.formats.masks.codes import COLOUR_OFFSET, colour_code, format_code, is_evenly_spaced, parse_code
from segpipe.errors import DataError, PipelineError
from tests.annotations.formats.masks.folders import BLUE, GREEN, RED, blocks

IDS = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def encoded(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def codes(content: bytes) -> list[list[int]]:
    coded = mask_codes.read(content, "m.png")
    assert len(set(coded.codes)) == len(coded.codes)
    assert set(range(len(coded.codes))) == set(coded.indices.ravel().tolist())
    return np.array(coded.codes)[coded.indices].tolist()


def refusal(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        mask_codes.read(content, "m.png")
    return str(caught.value)


def test_one_channel_of_any_depth_gives_its_numbers() -> None:
    palette = Image.fromarray(IDS, "P")
    palette.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    deep = np.array([[0, 255, 256], [65535, 1, 0]], np.uint16)
    for content, expected in (
        (encoded(IDS), IDS),
        (encoded(palette), IDS),
        (encoded(palette, transparency=0), IDS),
        (encoded(IDS > 0), IDS > 0),
        (encoded(IDS, "TIFF", compression="tiff_lzw"), IDS),
        (encoded(IDS, "BMP"), IDS),
        (encoded(deep), deep),
        (encoded(deep, "TIFF"), deep),
        (encoded(IDS.astype(np.float32), "TIFF"), IDS),
        (encoded(deep.astype(np.int32), "TIFF"), deep),
    ):
        assert codes(content) == expected.tolist()


def test_colours_give_colours_and_grays_numbers() -> None:
    mixed = np.array([[RED, GREEN, (0, 0, 0)], [(7, 7, 7), BLUE, (255, 255, 255)]], np.uint8)
    expected = [[colour_code(*RED), colour_code(*GREEN), 0], [7, colour_code(*BLUE), 255]]
    assert codes(encoded(mixed)) == expected
    for alpha in (255, 0, 77):
        with_alpha = np.dstack([mixed, np.full(mixed.shape[:2], alpha, np.uint8)])
        assert codes(encoded(with_alpha)) == expected
    gray = np.dstack([IDS] * 3)
    assert codes(encoded(gray)) == IDS.tolist()
    assert codes(encoded(np.dstack([IDS, IDS + 5]), "PNG")) == IDS.tolist(), "alpha that says what the values say"
    clear = np.dstack([mixed, np.where(mixed.any(axis=2), 255, 0).astype(np.uint8)])
    assert codes(encoded(clear)) == expected, "a transparent background"


def test_colours_of_16_bits_are_read_where_nothing_is_lost() -> None:
    def png(values: np.ndarray) -> bytes:
        import cv2

        return bytes(cv2.imencode(".png", values)[1])

    ids = np.dstack([IDS.astype(np.uint16)] * 3)
    assert codes(png(ids)) == IDS.tolist()
    wide = np.array([[(0, 0, 65535), (65535, 65535, 65535)]], np.uint16)
    assert codes(png(wide)) == [[colour_code(*RED), 255]]
    assert refusal(png(np.array([[(0, 0, 1000), (7, 8, 9)]], np.uint16))) == (
        "m.png: colours of 16 bits a channel. Save it as one channel of class ids, or as 8-bit colours."
    )


AGAIN = "Make the mask again at the image's size, without smoothing, and save it as PNG."


@pytest.mark.parametrize(
    ("picture", "kind", "sentence"),
    [
        (IDS, "JPEG", "a mask saved as JPEG, which changes class ids. Save masks as PNG."),
        (np.dstack([IDS] * 3), "WEBP", "a mask saved as WEBP, which changes class ids. Save masks as PNG."),
        (
            IDS.astype(np.float32) / 2,
            "TIFF",
            "a mask of 32 bits with fractions and not class ids. Save one 8- or 16-bit channel, a pixel's value being its class.",
        ),
        (
            np.array([[0, np.nan]], np.float32),
            "TIFF",
            "a mask of 32 bits with values below 0, above 65535 or no numbers at all. "
            "Save one 8- or 16-bit channel, a pixel's value being its class.",
        ),
        (
            np.array([[0, -1]], np.int32),
            "TIFF",
            "a mask of 32 bits with values below 0, above 65535 or no numbers at all. "
            "Save one 8- or 16-bit channel, a pixel's value being its class.",
        ),
        (
            np.dstack([IDS * 0, IDS * 0, IDS * 0, IDS * 100]),
            "PNG",
            "an object in its alpha channel alone. Save it without alpha, each class in a value or colour of its own.",
        ),
        (
            np.dstack([IDS // 2, IDS * 100]),
            "PNG",
            "pixels of one colour that differ in alpha. Save it without alpha, each class in a value or colour of its own.",
        ),
        (
            Image.new("CMYK", (3, 2)),
            "TIFF",
            "a mask of mode CMYK. Save it as one channel of class ids, or as 8-bit colours.",
        ),
        (
            np.arange(600, dtype=np.uint16).reshape(20, 30),
            "PNG",
            "more than 512 different values: a photo, numbers of single objects, or a mask that was smoothed or once a JPEG. "
            + AGAIN,
        ),
        (
            np.random.default_rng(1).integers(0, 256, (30, 30, 3), np.uint8),
            "PNG",
            "more than 512 different values: a photo, numbers of single objects, or a mask that was smoothed or once a JPEG. "
            + AGAIN,
        ),
    ],
)
def test_what_is_no_mask_is_reported(picture: Any, kind: str, sentence: str) -> None:
    assert refusal(encoded(picture, kind)) == f"m.png: {sentence}"


def test_a_mask_is_turned_as_its_exif_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert codes(encoded(IDS, exif=exif)) == np.rot90(IDS, -1).tolist()
    assert codes(encoded(np.dstack([IDS] * 3), exif=exif)) == np.rot90(IDS, -1).tolist()


@pytest.mark.parametrize("strip", [1, 5, 64, 2**22])
def test_large_masks_are_read_in_strips(monkeypatch: pytest.MonkeyPatch, strip: int) -> None:
    from segpipe.images import decode

    monkeypatch.setattr(decode, "STRIP", strip)
    monkeypatch.setattr(mask_codes, "STRIP", strip)
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (40, 3), np.uint8)
    colours = palette[random.integers(0, 40, (17, 9))]
    expected = np.array([[colour_code(*map(int, pixel)) for pixel in row] for row in colours])
    assert codes(encoded(colours)) == expected.tolist()
    gray = random.integers(0, 65536, (17, 9)).astype(np.uint16)
    assert codes(encoded(gray)) == gray.tolist()


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)), elements=st.sampled_from([0, 1, 128, 255])))
def test_any_colours_come_back(colours: np.ndarray) -> None:
    found = np.array(codes(encoded(colours)))
    again = np.array([[mask_codes.colour_of(int(code)) for code in row] for row in found], np.uint8)
    assert np.array_equal(again, colours)


@given(
    st.one_of(st.integers(0, 65535), st.integers(0, 2**24 - 1).map(lambda rgb: colour_code(rgb >> 16, rgb >> 8 & 255, rgb & 255)))
)
def test_codes_are_reported_as_they_are_read(code: int) -> None:
    assert parse_code(format_code(code)) == code


def test_what_names_a_code() -> None:
    assert [parse_code(text) for text in (7, "7", "7 7 7", "65535", "1 2 3", "1, 2,3")] == [7, 7, 7, 65535] + 2 * [
        COLOUR_OFFSET | 0x10203
    ]
    for text in ("red", "", "1 2", "256 0 0", "65536", "-1", "1 2 3 4", "1.5", "\u0661"):
        with pytest.raises(PipelineError):
            parse_code(text)


def test_even_spacing() -> None:
    for even in ([0, 127, 254], [0, 127, 255], [0, 128, 255], [0, 85, 170, 255], [0, 51, 102, 153, 204, 255], [0, 10, 20]):
        assert is_evenly_spaced(even)
    for other in ([0, 1, 2], [0, 255], [0, 2, 4], [0, 100, 255], [1, 128, 255], [], [0]):
        assert not is_evenly_spaced(other)


def smoothed(ids: np.ndarray, kind: str) -> np.ndarray:
    picture = Image.fromarray(ids)
    if kind == "jpeg":
        return np.asarray(Image.open(io.BytesIO(encoded(picture, "JPEG", quality=75))))
    size = (ids.shape[1] * 3 // 2, ids.shape[0] * 3 // 2)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR if kind == "bilinear" else Image.Resampling.LANCZOS))


def disc(top: Any, below: Any = 0) -> np.ndarray:
    rows, columns = np.mgrid[:40, :48]
    return np.where(((rows - 20) ** 2 + (columns - 24) ** 2 < 180)[..., None], np.array(top, np.uint8), np.array(below, np.uint8))


@pytest.mark.parametrize("kind", ["jpeg", "bilinear", "lanczos"])
@pytest.mark.parametrize("colours", [False, True])
def test_halos_of_smoothing_and_jpeg_are_reported(kind: str, colours: bool) -> None:
    ids = disc((255, 40, 0)) if colours else disc(255)[..., 0]
    sharp = mask_codes.read(encoded(ids), "m.png")
    mask_codes.refuse_halos(sharp, "m.png")
    content = encoded(smoothed(ids, kind))
    if (kind, colours) == ("jpeg", True):
        assert refusal(content).startswith("m.png: more than 512 different values: ")
        return
    with pytest.raises(DataError) as caught:
        mask_codes.refuse_halos(mask_codes.read(content, "m.png"), "m.png")
    assert str(caught.value) == (
        "m.png: values between those of the classes along the edges: it was resized with smoothing, or once was a JPEG. "
        f"{AGAIN} One of black and white can be cut in the middle: from 128 on 255, below 0."
    )


def test_areas_and_small_ids_are_no_halos() -> None:
    for values in (blocks(0, 50, 100, 150, 200, 250), np.arange(60, dtype=np.uint8)[None].repeat(3, axis=0)):
        mask_codes.refuse_halos(mask_codes.read(encoded(values.astype(np.uint8)), "m.png"), "m.png")
