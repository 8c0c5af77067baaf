"""TIFFs of any number of bands against the arrays they were made of, and the bounds that hold before they are decoded."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.errors import DataError
from segpipe.images.decode import Header, decode_image, decode_mask, header, mask_strips, strips_turn, transparency
from tests.images.tiff_files import PACK, Page, tiff

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 2**16, (9, 8, 5), dtype=np.uint16)


def noise(*shape: int, dtype: type = np.uint16) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def problem_of(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        decode_image(content, "scan.tif")
    with pytest.raises(DataError) as same:
        header(content, "scan.tif")
    assert str(caught.value) == str(same.value)
    return str(caught.value)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 2, 3, 4, 5, 13]),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from(sorted(PACK)),
    st.booleans(),
    st.sampled_from([None, (16, 32)]),
    st.sampled_from([None, 1, 7]),
    st.booleans(),
    st.sampled_from("<>"),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_layout_gives_the_pixels_it_was_made_of(
    height: int,
    width: int,
    bands: int,
    dtype: type,
    compression: int,
    planar: bool,
    tile: tuple[int, int] | None,
    rows: int | None,
    predictor: bool,
    order: str,
    big: bool,
    seed: int,
) -> None:
    array = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, bands), dtype=dtype, endpoint=True)
    page = Page(array, compression, planar and bands > 1, tile, None if tile else rows, predictor and compression in (5, 8))
    content = tiff(page, order=order, big=big)
    found = decode_image(content, "scan.tif")
    assert found.dtype == dtype
    assert np.array_equal(found, array)
    assert header(content, "scan.tif") == Header(width, height, bands, 8 * np.dtype(dtype).itemsize)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_extra_samples_tell_alpha_from_a_fourth_band(dtype: type) -> None:
    array = noise(4, 6, 4, dtype=dtype)
    rgb: dict[int, tuple[int, list[int]]] = {262: (3, [2])}
    for kind, expected in ((0, array), (1, array[..., :3]), (2, array[..., :3])):
        content = tiff(Page(array, tags=rgb | {338: (3, [kind])}))
        assert np.array_equal(decode_image(content, "scan.tif"), expected)
        assert header(content, "scan.tif").channels == expected.shape[2]
    unsaid = Page(array, tags=rgb | {338: (3, [])})
    assert np.array_equal(decode_image(tiff(unsaid), "scan.tif"), array), "without the tag the spec knows no alpha"
    gray_with_alpha = tiff(Page(array[..., :2], tags={338: (3, [2])}))
    assert np.array_equal(decode_image(gray_with_alpha, "scan.tif"), array[..., :1])


def test_only_alpha_that_is_not_opaque_is_worth_a_warning() -> None:
    array = noise(4, 6, 4, dtype=np.uint8)
    opaque = np.dstack([array[..., :3], np.full((4, 6), 255, np.uint8)])
    tags: dict[int, tuple[int, list[int]]] = {262: (3, [2]), 338: (3, [2])}
    assert transparency(tiff(Page(opaque, tags=tags)), "scan.tif") == []
    assert transparency(tiff(Page(array, tags={262: (3, [2]), 338: (3, [0])})), "scan.tif") == []
    [told] = transparency(tiff(Page(array, tags=tags)), "scan.tif")
    assert told.warning
    assert str(told) == (
        "scan.tif: a band marked as alpha that is not opaque, which is dropped. "
        "If it is a band such as near infrared, save it with ExtraSamples 0 (GDAL: -co ALPHA=NO)."
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_bands_as_it_turns_colours(orientation: int) -> None:
    array = noise(4, 6, 5)
    turned = decode_image(tiff(Page(array, tags={274: (3, [orientation])})), "scan.tif")
    colours = decode_image(tiff(Page(array[..., :3].astype(np.uint8), tags={274: (3, [orientation])})), "scan.tif")
    assert np.array_equal(turned[..., :3].astype(np.uint8), colours), "those Pillow turns"
    assert header(tiff(Page(array, tags={274: (3, [orientation])})), "x") == Header(*turned.shape[1::-1], 5, 16)


def test_white_is_zero_is_turned_into_black_is_zero() -> None:
    for dtype, largest in ((np.uint8, 255), (np.uint16, 65535)):
        array = noise(4, 6, dtype=dtype)
        content = tiff(Page(array, tags={262: (3, [0])}))
        assert np.array_equal(decode_image(content, "scan.tif")[..., 0], largest - array)


def test_12_bits_packed_are_read_as_they_are_but_only_of_gray() -> None:
    array = np.array([[0, 4095], [2748, 291]])
    packed = np.array([[0x00, 0x0F, 0xFF], [0xAB, 0xC1, 0x23]], np.uint8)
    content = tiff(Page(packed, tags={256: (4, [2]), 258: (3, [12])}))
    assert decode_image(content, "scan.tif")[..., 0].tolist() == array.tolist()
    assert header(content, "scan.tif") == Header(2, 2, 1, 16)
    colours = tiff(Page(np.dstack([packed] * 3), tags={258: (3, [12] * 3)}))
    assert "an image of 12 bits a channel" in problem_of(colours)


def test_12_bits_in_16_stay_as_they_are() -> None:
    array = noise(4, 6) % 4096
    assert np.array_equal(decode_image(tiff(Page(array)), "scan.tif")[..., 0], array)


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (Page(noise(4, 6, 65, dtype=np.uint8)), "65 channels, where 1 to 64 are read. Save those that matter."),
        (
            Page(noise(4, 6), tags={339: (3, [2])}),
            "an image of signed whole numbers, 16 bits. Save it as 8- or 16-bit whole numbers, scaled or shifted so that all "
            "values fit (uint16: 0 to 65535).",
        ),
        (
            Page(noise(4, 6, dtype=np.uint32)),
            "an image of 32 bits a channel. Save it as 8- or 16-bit whole numbers, scaled or shifted so that all values fit "
            "(uint16: 0 to 65535).",
        ),
        (
            Page(noise(4, 6, 3, dtype=np.uint8), tags={262: (3, [8])}),
            "an image in Lab colours. Save it as 8- or 16-bit gray or RGB.",
        ),
        (
            Page(noise(4, 6, 4), tags={262: (3, [5])}),
            "16 bits a channel in a palette, CMYK or YCbCr. Save it as 8-bit, or as 16-bit RGB.",
        ),
        (
            Page(noise(4, 6, 2), tags={258: (3, [16, 8])}),
            "channels of different depth. Save all channels with 8 or all with 16 bits.",
        ),
        (
            Page(noise(4, 6, 5, dtype=np.uint8), tags={259: (3, [7])}),
            "a TIFF in a compression that is not read for its kind. Save it with LZW, deflate or none.",
        ),
        (
            Page(noise(4, 6, 3, dtype=np.uint8), tags={259: (3, [34712])}),
            "a TIFF in a compression that is not read for its kind. Save it with LZW, deflate or none.",
        ),
        (Page(noise(4, 6), tags={32997: (4, [2])}), "a TIFF of volumes. Save its slices as images of their own."),
        (
            Page(noise(4, 6), tags={50706: (1, [1, 4, 0, 0])}),
            "a camera's raw file. Develop it to PNG or TIFF, 8 or 16 bits; raw files are not read.",
        ),
    ],
)
def test_what_is_not_read_says_what_to_do(page: Page, sentence: str) -> None:
    assert problem_of(tiff(page)) == f"scan.tif: {sentence}"


def test_giants_are_refused_before_anything_is_decoded() -> None:
    start = time.monotonic()
    few = noise(4, 6, 5)
    wide: dict[int, tuple[int, list[int]]] = {256: (4, [16_000]), 257: (4, [16_000])}
    assert problem_of(tiff(Page(few, tags=wide))) == (
        "scan.tif: 16000 x 16000 pixels of 10 bytes, above the limit of 161061273. Cut it into parts, or shrink it."
    )
    assert "above the limit of 268435456" in problem_of(tiff(Page(few, tags={256: (4, [2**31]), 257: (4, [2**31])})))
    assert "a side above 1000000" in problem_of(tiff(Page(few, tags={256: (4, [2_000_000]), 257: (4, [1])})))
    with pytest.raises(DataError, match="bytes of pixels, above the limit"):
        tile: dict[int, tuple[int, list[int]]] = {322: (4, [2**20]), 323: (4, [2**20])}
        decode_image(tiff(Page(few, compression=8, tile=(16, 16), tags=tile)), "scan.tif")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("compression", [1, 5, 8])
def test_a_file_that_ends_too_soon_is_damaged(compression: int) -> None:
    array = noise(30, 40, 5)
    whole = tiff(Page(array, compression))
    for page in (Page(array, compression, tags={273: (4, [len(whole)])}), Page(array, compression, tags={257: (4, [300])})):
        with pytest.raises(DataError, match="a damaged image"):
            decode_image(tiff(page), "scan.tif")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damage_anywhere_ends_in_an_image_or_in_one_sentence(data: st.DataObject) -> None:
    compression = data.draw(st.sampled_from(sorted(PACK)))
    content = bytearray(tiff(Page(DEEP, compression, tile=(16, 16)), big=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 3))):
        # The directory, at the end, is where a changed byte says most.
        content[-data.draw(st.integers(1, min(len(content), 400)))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    for read in (decode_image, decode_mask, header, transparency):
        try:
            read(damaged, "scan.tif")
        except DataError as error:
            assert "\n" not in str(error)


def test_a_mask_has_one_channel() -> None:
    ids = noise(4, 6)
    assert np.array_equal(decode_mask(tiff(Page(ids, 8, predictor=True)), "mask"), ids)
    with pytest.raises(DataError, match="a mask of 4 channels and not one of class ids"):
        decode_mask(tiff(Page(noise(4, 6, 4))), "mask")


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_mask_s_rows_are_upright_once_turned(orientation: int) -> None:
    """Whoever decodes the TIFF: Pillow turns it, and so must the rows that are read by hand."""
    ids = noise(4, 6, dtype=np.uint8)
    tags: dict[int, tuple[int, list[int]]] = {274: (3, [orientation])}
    for array in (ids, ids.astype(np.uint16), ids.astype(np.uint32), np.dstack([ids] * 3).astype(np.uint16)):
        content = tiff(Page(array, tags=tags))
        rows = np.concatenate(list(mask_strips(content, "mask")))
        turn = strips_turn(content, "mask")
        upright = turn(rows) if turn else rows
        assert np.array_equal(
            upright.reshape(*upright.shape[:2], -1)[..., 0], decode_image(tiff(Page(ids, tags=tags)), "x")[..., 0]
        )


def test_masks_of_other_channels_are_refused() -> None:
    for array, what in ((noise(4, 6, 5), "5 channels of 16 bits"), (noise(4, 6, 4), "4 channels of 16 bits")):
        with pytest.raises(DataError, match=f"a mask of {what}"):
            list(mask_strips(tiff(Page(array)), "mask"))
    colours = noise(4, 6, 4, dtype=np.uint8)
    content = tiff(Page(colours, tags={262: (3, [2]), 338: (3, [2])}))
    assert np.array_equal(np.concatenate(list(mask_strips(content, "mask"))), colours), "alpha is its reader's to judge"
