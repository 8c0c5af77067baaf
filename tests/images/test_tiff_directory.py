"""Pages, copies and chains of a TIFF's directories, and pages cut out of it, byte for byte."""

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from segpipe.errors import DataError
from segpipe.images import tiff_directory
from segpipe.images.decode import decode_image
from tests.images.tiff_files import PACK, Page, Tag
from tests.images.tiff_files import tiff as tiff_of

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 2**16, (3, 20, 30), dtype=np.uint16)
COLOURS = RNG.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
SMALLER: dict[int, Tag] = {254: (4, [1])}


def text(content: str) -> Tag:
    return 2, [*content.encode(), 0]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", sorted(PACK))
def test_a_page_cut_out_holds_its_pixels_and_nothing_of_the_others(compression: int, order: str, big: bool) -> None:
    for tile, rows in (((16, 16), None), (None, 7), (None, None)):
        stack = tiff_of(*(Page(array, compression, tile=tile, rows=rows) for array in STACK), order=order, big=big)
        for number, page in enumerate(tiff_directory.pages(stack)):
            own = tiff_directory.single_page(stack, page)
            assert own == tiff_directory.single_page(stack, tiff_directory.directory(stack, page.at)), "the same bytes each time"
            assert np.array_equal(decode_image(own, "page")[..., 0], STACK[number])
            assert len(tiff_directory.directories(own)) == 1
            alone = tiff_of(Page(STACK[number], compression, tile=tile, rows=rows), order=order, big=big)
            assert len(own) <= len(alone) + 64


def test_other_programs_read_a_page_cut_out() -> None:
    stream = io.BytesIO()
    frames = [Image.fromarray(array) for array in COLOURS]
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:], compression="jpeg", quality=90, dpi=(300, 300))
    stack = stream.getvalue()
    with Image.open(stream) as image:
        for number, page in enumerate(tiff_directory.pages(stack)):
            image.seek(number)
            with Image.open(io.BytesIO(tiff_directory.single_page(stack, page))) as own:
                assert np.array_equal(np.asarray(own), np.asarray(image)), "JPEG tables go along"
                assert own.info["dpi"] == (300, 300)


def test_a_page_takes_the_first_one_s_description_but_not_its_counts() -> None:
    said = text("ImageJ=1.54\nimages=3\nslices=3\nunit=um\n")
    stack = tiff_of(Page(STACK[0], tags={270: said}), Page(STACK[1]), Page(STACK[2]))
    for page in tiff_directory.pages(stack):
        own = tiff_directory.single_page(stack, page)
        assert tiff_directory.directories(own)[0].text(own, tiff_directory.DESCRIPTION) == b"ImageJ=1.54\nunit=um\n"
        assert decode_image(own, "page").shape == (20, 30, 1)


def test_smaller_copies_and_transparency_masks_are_no_pages() -> None:
    for extra in (Page(COLOURS[1, ::2, ::2], tags=SMALLER), Page(COLOURS[1, ..., 0], tags={254: (4, [4])})):
        for pages in ((Page(COLOURS[0]), extra), (extra, Page(COLOURS[0]))):
            assert np.array_equal(decode_image(tiff_of(*pages), "scan.tif"), COLOURS[0])
    old = Page(COLOURS[1, ::2, ::2], tags={255: (3, [2])})
    assert np.array_equal(decode_image(tiff_of(old, Page(COLOURS[0])), "scan.tif"), COLOURS[0])
    only = tiff_of(Page(COLOURS[0], tags=SMALLER))
    assert np.array_equal(decode_image(only, "scan.tif"), COLOURS[0]), "a file with nothing else is read"


def test_what_imagej_says_of_pages_counts() -> None:
    hidden = tiff_of(Page(STACK[0], tags={270: text("ImageJ=1.54\nimages=3\nslices=3\n")}))
    with pytest.raises(DataError, match="a stack of ImageJ, 3 slices in one page"):
        decode_image(hidden, "scan.tif")
    first = Page(STACK[0], tags={270: text("ImageJ=1.54\nimages=3\nchannels=3\n")})
    with pytest.raises(DataError, match="3 pages in one file, which ImageJ calls channels") as caught:
        decode_image(tiff_of(first, Page(STACK[1]), Page(STACK[2])), "scan.tif")
    assert caught.value.fix is None, "channels of a picture are no images"
    with pytest.raises(DataError, match="3 pages in one file") as caught:
        decode_image(tiff_of(*map(Page, STACK)), "scan.tif")
    assert caught.value.fix is not None and caught.value.fix.key == "data.pages"


def test_a_chain_without_end_is_damaged() -> None:
    content = bytearray(tiff_of(Page(STACK[0]), Page(STACK[1])))
    first = tiff_directory.directories(content)[0].at
    content[-4:] = struct.pack("<I", first)
    start = time.monotonic()
    with pytest.raises(DataError, match="the chain of TIFF directories does not end"):
        decode_image(bytes(content), "scan.tif")
    assert time.monotonic() - start < 1


def test_parts_that_overlap_are_not_copied_many_times() -> None:
    """A million strips that are each the whole file would make terabytes of a page."""
    page = Page(STACK[0], 8, tags={273: (4, [8] * 20), 279: (4, [1000] * 20), 278: (4, [1])})
    content = tiff_of(page)
    with pytest.raises(ValueError, match="not all there"):
        tiff_directory.single_page(content, tiff_directory.pages(content)[0])


def test_no_directory_and_no_tiff() -> None:
    assert not tiff_directory.is_tiff(b"\x89PNG")
    with pytest.raises(DataError, match="a TIFF without a directory"):
        decode_image(b"II*\0\0\0\0\0", "scan.tif")
    for content in (b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+\0\x08\0\0"):
        with pytest.raises(DataError, match="a damaged image"):
            decode_image(content, "scan.tif")
