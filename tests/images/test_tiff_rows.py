"""Rows of a TIFF are those of the whole image, whatever its layout; what has to be decoded at once is left to others."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.errors import DataError
from segpipe.images import limits, tiff_directory, tiff_rows
from segpipe.images.decode import decode_image
from tests.images.tiff_files import PACK, Page, Tag, tiff

RGB: dict[int, Tag] = {262: (3, [2])}


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 50),
    st.integers(1, 40),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from(sorted(PACK)),
    st.booleans(),
    st.sampled_from([None, (16, 32)]),
    st.sampled_from([None, 1, 7]),
    st.booleans(),
    st.data(),
)
def test_any_rows_of_any_layout_are_those_of_the_whole(
    tmp_path: Path,
    height: int,
    width: int,
    bands: int,
    dtype: type,
    compression: int,
    planar: bool,
    tile: tuple[int, int] | None,
    rows: int | None,
    predictor: bool,
    data: st.DataObject,
) -> None:
    array = noise(height, width, bands, dtype=dtype)
    tags = RGB if bands == 3 else {}
    page = Page(array, compression, planar and bands > 1, tile, None if tile else rows, predictor and compression in (5, 8), tags)
    (tmp_path / "scan.tif").write_bytes(tiff(page, big=data.draw(st.booleans())))
    top = data.draw(st.integers(0, height - 1))
    bottom = data.draw(st.integers(top + 1, height))
    with tiff_rows.opened(tmp_path / "scan.tif", "scan.tif") as image:
        assert image is not None
        assert (image.shape, image.dtype) == (array.shape, array.dtype)
        assert np.array_equal(image[top:bottom], array[top:bottom])
        assert np.array_equal(image[:], decode_image((tmp_path / "scan.tif").read_bytes(), "scan.tif"))


def test_alpha_is_left_out_and_white_turned(tmp_path: Path) -> None:
    array = noise(20, 6, 4)
    for name, page, wanted in (
        ("alpha", Page(array, tags=RGB | {338: (3, [2])}), array[..., :3]),
        ("white", Page(array[..., :1], 8, rows=3, tags={262: (3, [0])}), 255 - array[..., :1]),
    ):
        (tmp_path / name).write_bytes(tiff(page))
        with tiff_rows.opened(tmp_path / name, name) as image:
            assert image is not None
            assert np.array_equal(image[5:12], wanted[5:12])


@pytest.mark.parametrize("compression", [1, 8])
def test_only_the_parts_that_hold_the_rows_are_read(tmp_path: Path, compression: int) -> None:
    """The last strip lies beyond the end: rows before it are read all the same, and it is named when it is asked for."""
    array = noise(30, 40, 3)
    content = tiff(Page(array, compression, rows=10, tags=RGB))
    places = tiff_directory.pages(content)[0].values(content, tiff_directory.STRIP_OFFSETS)
    cut = tiff(Page(array, compression, rows=10, tags=RGB | {273: (4, [*places[:2], len(content) - 1])}))
    (tmp_path / "cut.tif").write_bytes(cut)
    with tiff_rows.opened(tmp_path / "cut.tif", "cut.tif") as image:
        assert image is not None
        assert np.array_equal(image[3:19], array[3:19])
        with pytest.raises(DataError, match=r"cut\.tif: a damaged image"):
            image[15:25]


def test_what_has_to_be_decoded_at_once_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise(20, 30, 3)
    files = {
        "pages.tif": tiff(Page(array, tags=RGB), Page(array, tags=RGB)),
        "turned.tif": tiff(Page(array, tags=RGB | {274: (3, [6])})),
        "broken.tif": tiff(Page(array, tags=RGB))[:100],
        "empty.tif": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(array).save(tmp_path / "jpeg.tif", compression="jpeg")
    Image.fromarray(array).save(tmp_path / "image.png")
    for file in sorted(tmp_path.iterdir()):
        with tiff_rows.opened(file, file.name) as image:
            assert image is None, file.name
    (tmp_path / "one_strip.tif").write_bytes(tiff(Page(array, 8, tags=RGB)))
    monkeypatch.setattr(tiff_rows, "MOST_TOGETHER", 1000)
    with tiff_rows.opened(tmp_path / "one_strip.tif", "one_strip.tif") as image:
        assert image is None


def test_images_above_the_limit_of_others_are_read_up_to_one_of_their_own(tmp_path: Path) -> None:
    side = 2**14 + 1
    large = tiff(Page(noise(4, 6, 3), tags=RGB | {256: (4, [side]), 257: (4, [side]), 278: (4, [1])}))
    (tmp_path / "large.tif").write_bytes(large)
    with pytest.raises(DataError, match=f"above the limit of {limits.MAX_PIXELS}"):
        decode_image(large, "large.tif")
    with tiff_rows.opened(tmp_path / "large.tif", "large.tif") as image:
        assert image is not None and image.shape == (side, side, 3)
    (tmp_path / "larger.tif").write_bytes(tiff(Page(noise(4, 6, 3), tags=RGB | {256: (4, [2**16]), 257: (4, [2**16])})))
    larger = tiff_rows.opened(tmp_path / "larger.tif", "larger.tif")
    with pytest.raises(DataError, match="65536 x 65536 pixels, above the limit of 1073741824"), larger:
        pass
