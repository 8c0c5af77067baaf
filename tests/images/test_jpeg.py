"""A JPEG that OpenCV may decode is one that Pillow would decode to the same pixels, and one that was cut off is none."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.errors import DataError
from segpipe.images.decode import decode_image
from segpipe.images.jpeg import is_whole

PHOTO = np.add.outer(np.arange(60), np.arange(70))[..., None] * [1, 2, 3] % 256


def jpeg(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(stream, "JPEG", **options)
    return stream.getvalue()


def with_pillow(content: bytes) -> np.ndarray:
    array = np.asarray(Image.open(io.BytesIO(content)))
    return array.reshape(*array.shape[:2], -1)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.booleans(),
    st.booleans(),
    st.sampled_from([{}, {"restart_marker_blocks": 3}, {"progressive": True}, {"keep_rgb": True, "subsampling": 0}]),
    st.sampled_from([0, 1, 2]),
    st.integers(30, 100),
)
def test_pixels_are_those_of_pillow(
    height: int, width: int, gray: bool, noisy: bool, options: dict[str, Any], subsampling: int, quality: int
) -> None:
    array = np.random.default_rng(height).integers(0, 256, (height, width, 3)) if noisy else PHOTO[:height, :width]
    options = {"subsampling": subsampling, "quality": quality} | options
    if gray:
        options.pop("keep_rgb", None)
    content = jpeg(array[..., 0] if gray else array, **options)
    assert is_whole(content) == ("progressive" not in options)
    assert np.array_equal(decode_image(content, "photo"), with_pillow(content))


def test_cut_off_anywhere_it_is_not_whole() -> None:
    thumbnail = Image.Exif()
    thumbnail[0x010E] = "\xff\xd9 of a thumbnail is no end"
    content = jpeg(PHOTO, exif=thumbnail, quality=90)
    assert is_whole(content)
    assert is_whole(content + b"\0" * 100), "what follows the end is nothing to a decoder"
    assert not any(is_whole(content[:size]) for size in range(len(content)))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_file_is_refused_where_pillow_refuses_it(data: st.DataObject) -> None:
    content = bytearray(jpeg(PHOTO, quality=90))
    for _ in range(data.draw(st.integers(1, 2))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content)
    try:
        expected = with_pillow(damaged)
    except (OSError, SyntaxError, ValueError):
        with pytest.raises(DataError):
            decode_image(damaged, "photo")
        return
    if expected.shape[2] in (1, 3):
        assert np.array_equal(decode_image(damaged, "photo"), expected)
