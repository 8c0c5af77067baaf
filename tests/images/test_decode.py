"""Every kind of image file against pixels made here: bits, channels, orientation, and one sentence for each bad file."""

import io
import struct
import time
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from segpipe.errors import DataError
from segpipe.images.decode import Header, decode_image, decode_mask, header, mask_strips, pixel_size, transparency, with_channels
from segpipe.images.encode import encode_mask
from tests.images.tiff_files import Page
from tests.images.tiff_files import tiff as tiff_of

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (4, 6, 3), dtype=np.uint16)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG by hand, for what Pillow cannot write; `rows` begin with a filter byte each."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(array: np.ndarray, orientation: int) -> bytes:
    """An uncompressed RGB TIFF of 16 bits by hand: Pillow cannot write one."""
    height, width, _ = array.shape
    content = array.astype("<u2").tobytes()
    entries = [(256, 4, width), (257, 4, height), (258, 3, 0), (259, 3, 1), (262, 3, 2), (273, 4, 0), (274, 3, orientation)]
    entries += [(277, 3, 3), (278, 4, height), (279, 4, len(content))]
    bits_at = 8 + 2 + 12 * len(entries) + 4
    values = {258: bits_at, 273: bits_at + 6}
    directory = b"".join(struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, values.get(tag, n)) for tag, kind, n in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + directory + struct.pack("<I", 0) + struct.pack("<HHH", 16, 16, 16) + content


def problem_of(content: bytes) -> str:
    """The sentence about a bad file, the same whether the whole file or only its header is read."""
    with pytest.raises(DataError) as caught:
        decode_image(content, "photo.png")
    return str(caught.value)


def test_8_bit_files_of_every_mode_keep_their_pixels() -> None:
    bilevel = GRAY > 127
    alpha = np.dstack([COLOURS, GRAY])
    for content, expected in [
        (encoded(Image.fromarray(bilevel)), 255 * bilevel[..., None]),
        (encoded(Image.fromarray(GRAY)), GRAY[..., None]),
        (encoded(Image.fromarray(np.dstack([GRAY, 255 - GRAY]), "LA")), GRAY[..., None]),
        (encoded(Image.fromarray(COLOURS)), COLOURS),
        (encoded(Image.fromarray(alpha)), COLOURS),
        (encoded(Image.fromarray(COLOURS), "BMP"), COLOURS),
        (encoded(Image.fromarray(COLOURS), "TIFF", compression="tiff_lzw"), COLOURS),
        (encoded(Image.fromarray(COLOURS), "WEBP", lossless=True), COLOURS),
    ]:
        array = decode_image(content, "photo")
        assert array.dtype == np.uint8
        assert np.array_equal(array, expected)
        assert header(content, "photo") == Header(6, 4, expected.shape[2], 8)


def test_a_palette_image_becomes_its_colours() -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    assert decode_image(encoded(image), "photo").tolist() == [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [40, 50, 60]]]


def test_cmyk_becomes_rgb() -> None:
    white = Image.new("CMYK", (5, 3), (0, 0, 0, 0))
    assert header(encoded(white, "JPEG"), "photo") == Header(5, 3, 3, 8)
    assert np.array_equal(decode_image(encoded(white, "JPEG"), "photo"), np.full((3, 5, 3), 255))
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        content = encoded(red, kind, **({"quality": 95} if kind == "JPEG" else {}))
        assert b"Adobe" in content or kind == "TIFF", "Adobe's JPEG holds 255 less the ink"
        assert decode_image(content, "photo")[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_stay_16_bits(suffix: str) -> None:
    four = np.dstack([DEEP, DEEP[..., :1]])
    # A PNG's fourth channel is alpha; OpenCV does not say so in a TIFF.
    for array, expected in [(DEEP, DEEP), (DEEP[..., 0], DEEP[..., :1]), (four, DEEP if suffix == ".png" else four)]:
        channels = array if array.ndim == 2 else array[..., [2, 1, 0, 3][: array.shape[2]]]
        content = cv2.imencode(suffix, channels)[1].tobytes()
        assert decode_image(content, "photo").dtype == np.uint16
        assert np.array_equal(decode_image(content, "photo"), expected)
        assert header(content, "photo") == Header(6, 4, expected.shape[2], 16)


def test_16_bit_gray_with_alpha_and_big_endian() -> None:
    pairs = DEEP[..., :2].astype(">u2")
    with_alpha = png(6, 4, 16, 4, b"".join(b"\0" + row.tobytes() for row in pairs))
    big_endian = encoded(Image.frombytes("I;16B", (6, 4), pairs[..., 0].tobytes()), "TIFF")
    for content in (with_alpha, big_endian):
        assert header(content, "photo") == Header(6, 4, 1, 16)
        assert np.array_equal(decode_image(content, "photo"), DEEP[..., :1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "PNG of 16 bits", "TIFF of 16 bits"])
def test_exif_turns_as_pillow_would(kind: str, orientation: int) -> None:
    pixels, kind = (DEEP[..., 0] if "16" in kind else COLOURS), kind.split(maxsplit=1)[0]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(pixels), kind, exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    array = decode_image(content, "photo")
    assert np.array_equal(array, turned.reshape(*turned.shape[:2], -1))
    assert header(content, "photo") == Header(array.shape[1], array.shape[0], array.shape[2], 8 * array.dtype.itemsize)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_16_bit_colours(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    shallow = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(Image.fromarray(COLOURS), exif=exif))))
    deep = COLOURS.astype(np.uint16) * 257
    deep_png = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    # After the header of 33 bytes.
    deep_png = deep_png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + deep_png[33:]
    for content in (deep_png, tiff(deep, orientation)):
        array = decode_image(content, "photo")
        assert np.array_equal(array, np.asarray(shallow).astype(np.uint16) * 257)
        assert header(content, "photo") == Header(array.shape[1], array.shape[0], 3, 16)


def test_a_header_is_read_without_decoding() -> None:
    content = encoded(Image.fromarray(RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8)))
    assert header(content[: len(content) // 2], "photo") == Header(70, 50, 3, 8)


def test_a_bomb_is_refused_from_its_header() -> None:
    start = time.monotonic()
    assert problem_of(png(20_000, 20_000, 8, 2, b"")) == (
        "photo.png: 20000 x 20000 pixels, above the limit of 268435456. Cut it into parts, or shrink it."
    )
    assert "above the limit of 268435456" in problem_of(png(2**30, 2**30, 8, 2, b""))
    assert header(png(16_000, 16_000, 8, 2, b""), "scan") == Header(16_000, 16_000, 3, 8)  # more than Pillow would take
    assert time.monotonic() - start < 1


def test_several_pages_are_refused_but_not_those_of_a_phone() -> None:
    pages = {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}
    content = encoded(Image.fromarray(COLOURS), "TIFF", **pages)
    assert problem_of(content) == (
        "photo.png: 2 pages in one file. Save each page as an image of its own, or set data.pages to split."
    )
    for kind in ("PNG", "WEBP"):
        content = encoded(Image.fromarray(COLOURS), kind, **pages)
        assert problem_of(content) == (
            "photo.png: an animation of 2 frames. Save the frames that you need as images of their own."
        )
    assert decode_image(encoded(Image.fromarray(COLOURS), "MPO", **pages), "photo").shape == (4, 6, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".bmp", ".webp", ".png of 16 bits", ".tiff of 16 bits"])
def test_a_truncated_file_is_refused(suffix: str) -> None:
    deep = "16" in suffix
    pixels = RNG.integers(0, 2**16 if deep else 256, (60, 50, 3), dtype=np.uint16 if deep else np.uint8)
    content = cv2.imencode(suffix.split(maxsplit=1)[0], pixels)[1].tobytes()
    sentence = problem_of(content[: len(content) // 2])
    assert "damaged" in sentence
    assert "\n" not in sentence


def test_what_is_no_image_is_refused() -> None:
    remedy = "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
    assert problem_of(b"") == f"photo.png: an empty file. {remedy}"
    assert problem_of(b"no picture\n" * 20) == (
        f"photo.png: not an image that can be read, or its first bytes are damaged. {remedy}"
    )
    assert problem_of(b"\0" * 128 + b"DICM" + b"\0" * 64) == (
        "photo.png: a DICOM file. Export it as PNG, 8 or 16 bits; DICOM is not read."
    )


def test_numbers_that_are_no_image_are_refused() -> None:
    for dtype, kind in ((np.int32, "signed whole numbers"), (np.float32, "floating-point numbers")):
        content = encoded(Image.fromarray(GRAY.astype(dtype)), "TIFF")
        assert problem_of(content) == (
            f"photo.png: an image of {kind}, 32 bits. Save it as 8- or 16-bit whole numbers, scaled or shifted so that all "
            "values fit (uint16: 0 to 65535)."
        )


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damage_anywhere_ends_in_an_image_or_in_one_sentence(data: st.DataObject) -> None:
    image = Image.fromarray(data.draw(st.sampled_from([COLOURS, GRAY, DEEP[..., 0]])))
    kind = data.draw(st.sampled_from(["PNG", "TIFF", "BMP"] if image.mode == "I;16" else ["JPEG", "PNG", "TIFF", "BMP", "WEBP"]))
    content = bytearray(encoded(image, "PNG" if (image.mode, kind) == ("I;16", "BMP") else kind))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    for read in (decode_image, decode_mask, header):
        try:
            read(damaged, "photo")
        except DataError as error:
            assert "\n" not in str(error)


@settings(deadline=None, max_examples=50)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_a_mask_survives_encoding(mask: np.ndarray) -> None:
    content = encode_mask(mask)
    assert np.array_equal(decode_mask(content, "mask"), mask)
    assert encode_mask(mask) == content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), mask), "other programs read the same ids"


def test_masks_give_ids_and_never_colours() -> None:
    ids = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)
    palette = Image.fromarray(ids, "P")
    palette.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    gray_of_4_bits = png(3, 2, 4, 0, bytes([0, 0x01, 0x20, 0, 0x32, 0x10]))
    gray_of_2_bits = png(3, 2, 2, 0, bytes([0, 0b00011000, 0, 0b11100100]))
    for content in (
        encoded(palette),
        encoded(palette, bits=2),
        encoded(palette, "TIFF"),
        encoded(Image.fromarray(ids)),
        gray_of_4_bits,
        gray_of_2_bits,
    ):
        assert decode_mask(content, "mask").tolist() == ids.tolist()
    assert decode_mask(encoded(Image.fromarray(ids > 1)), "mask").tolist() == [[0, 0, 1], [1, 1, 0]]


def test_masks_keep_16_bit_ids() -> None:
    ids = np.array([[0, 300], [65535, 7]], np.uint16)
    big_endian = Image.frombytes("I;16B", (2, 2), ids.astype(">u2").tobytes())
    for content in (encoded(Image.fromarray(ids)), encoded(Image.fromarray(ids), "TIFF"), encoded(big_endian, "TIFF")):
        assert decode_mask(content, "mask").tolist() == ids.tolist()
        assert decode_mask(content, "mask").dtype == np.uint16


def test_masks_that_cannot_hold_ids_are_refused() -> None:
    with pytest.raises(DataError) as jpeg:
        decode_mask(encoded(Image.fromarray(GRAY), "JPEG"), "mask of a.jpg")
    assert str(jpeg.value) == "mask of a.jpg: a mask saved as JPEG, which changes class ids. Save masks as PNG."
    for image, mode in ((Image.fromarray(COLOURS), "RGB"), (Image.fromarray(np.dstack([GRAY, GRAY]), "LA"), "LA")):
        with pytest.raises(DataError) as colours:
            decode_mask(encoded(image), "mask of a.jpg")
        assert str(colours.value) == (
            f"mask of a.jpg: a mask of mode {mode} and not one channel of class ids. "
            "Save one 8- or 16-bit channel, a pixel's value being the id of its class."
        )


def test_gray_is_repeated_where_the_data_set_has_colours() -> None:
    gray = GRAY[..., None]
    assert np.array_equal(with_channels(gray, 3), np.dstack([GRAY] * 3))
    assert with_channels(gray, 5) is gray, "five bands are no colours"
    assert with_channels(gray, 1) is gray
    assert with_channels(COLOURS, 3) is COLOURS


def test_only_images_with_transparent_pixels_get_a_warning() -> None:
    opaque, clear = np.dstack([COLOURS, np.full((4, 6), 255, np.uint8)]), np.dstack([COLOURS, GRAY])
    palette = Image.fromarray(GRAY % 3, "P")
    palette.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    for content, warned in (
        (encoded(Image.fromarray(COLOURS), "JPEG"), False),
        (encoded(Image.fromarray(COLOURS)), False),
        (encoded(Image.fromarray(opaque)), False),
        (encoded(Image.fromarray(clear)), True),
        (encoded(Image.fromarray(clear), "TIFF"), True),
        (encoded(Image.fromarray(clear), "WEBP", lossless=True), True),
        (encoded(Image.fromarray(np.dstack([GRAY, GRAY]), "LA")), True),
        (encoded(palette), False),
        (encoded(palette, transparency=1), True),
    ):
        assert [each.warning for each in transparency(content, "photo")] == [True] * warned
        assert decode_image(content, "photo").shape == (*GRAY.shape, header(content, "photo").channels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize(
    ("dpi", "nanometres"),
    [((300, 300), (84_667, 84_667)), ((254, 127), (100_000, 200_000)), ((72, 72), (0, 0)), ((96, 96), (0, 0))],
)
def test_the_size_of_a_pixel_is_kept_unless_it_is_a_screen_s(
    kind: str, dpi: tuple[int, int], nanometres: tuple[int, int]
) -> None:
    assert pixel_size(encoded(Image.fromarray(COLOURS), kind, dpi=dpi), "photo") == nanometres


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "bands"])
def test_a_turned_pixel_is_as_wide_as_it_was_high(kind: str) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        resolution = {282: (5, [254, 1]), 283: (5, [127, 1]), 296: (3, [2]), 274: (3, [orientation])}
        content = (
            tiff_of(Page(DEEP, tags=resolution))
            if kind == "bands"
            else encoded(Image.fromarray(COLOURS), kind, dpi=(254, 127), exif=exif)
        )
        expected = (100_000, 200_000) if orientation < 5 else (200_000, 100_000)
        assert pixel_size(content, "photo") == expected


def test_a_size_that_is_not_said_is_0() -> None:
    for kind in ("PNG", "JPEG", "BMP", "WEBP"):
        assert pixel_size(encoded(Image.fromarray(COLOURS), kind), "photo") == (0, 0)


def test_a_mask_s_palette_ends_with_its_largest_id() -> None:
    small, ignored = encode_mask(np.array([[0, 2]], np.uint8)), encode_mask(np.array([[0, 255]], np.uint8))
    assert len(small) < 120
    assert len(ignored) > 768
    assert Image.open(io.BytesIO(small)).convert("RGB").getpixel((1, 0)) == (0, 128, 0)
    assert Image.open(io.BytesIO(ignored)).convert("RGB").getpixel((1, 0)) == (224, 224, 192)


def gif(frames: int = 1, size: tuple[int, int] = (40, 30)) -> bytes:
    """A GIF of noise in four colours."""
    noise = np.random.default_rng(0).integers(0, 4, (frames, size[1], size[0]), np.uint8)
    pictures = [Image.fromarray(each) for each in noise]
    for each in pictures:
        each.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    return encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def test_a_gif_is_its_colours_as_an_image_and_its_indices_as_a_mask() -> None:
    ids = np.random.default_rng(0).integers(0, 4, (30, 40), np.uint8)
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    assert header(gif(), "photo") == Header(40, 30, 3, 8)
    assert np.array_equal(decode_image(gif(), "photo"), palette[ids])
    assert np.array_equal(decode_mask(gif(), "mask"), ids)


def test_a_gif_of_grays_is_its_grays_however_they_are_numbered() -> None:
    grays = np.random.default_rng(1).choice(np.array([3, 9, 200], np.uint8), (30, 40))
    content = encoded(Image.fromarray(grays), "GIF")
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.mode == "P" and max(np.unique(np.asarray(opened))) < 3, "numbered anew"
    assert np.array_equal(decode_mask(content, "mask"), grays)
    assert np.array_equal(np.concatenate([*mask_strips(content, "mask")]), grays)


def test_a_gif_in_grays_that_do_not_tell_its_indices_apart_keeps_them() -> None:
    ids = np.array([[0, 1, 2]], np.uint8)
    mask = Image.fromarray(ids)
    mask.putpalette([0, 0, 0, 7, 7, 7, 7, 7, 7])
    assert np.array_equal(decode_mask(encoded(mask, "GIF", optimize=False), "mask"), ids)


def test_animations_bombs_and_damaged_gifs_are_refused() -> None:
    for read in (decode_image, decode_mask):
        with pytest.raises(DataError, match="an animation of 3 frames"):
            read(gif(3), "a.gif")
        with pytest.raises(DataError, match="above the limit of"):
            read(b"GIF89a\xff\xff\xff\xff" + gif()[10:], "a.gif")
        for size in (8, 12, 40, 400):
            with pytest.raises(DataError, match="damaged"):
                read(gif()[:size], "a.gif")
