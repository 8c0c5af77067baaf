"""Our reader of TIFFs with many bands against tifffile: how fast, and what each says of damaged files.

Run with tifffile and imagecodecs installed, which the project does not need: python bench/tiff.py
"""

import io
import logging
import statistics
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tifffile

from segpipe.images import tiff_directory
from segpipe.images.decode import decode_image
from tests.images.tiff_files import Page, tiff

ROUNDS = 7
SIDE = 2000
RNG = np.random.default_rng(0)
LAYOUTS: dict[str, dict[str, Any]] = {
    "no compression": {},
    "LZW": {"compression": "lzw"},
    "deflate": {"compression": "zlib"},
    "deflate, predictor": {"compression": "zlib", "predictor": True},
    "deflate, predictor, tiles": {"compression": "zlib", "predictor": True, "tile": (256, 256)},
}


def main() -> None:
    slope = np.add.outer(np.arange(SIDE), np.arange(SIDE))[..., None] * [1, 2, 3, 4]
    array = (slope + RNG.integers(0, 64, slope.shape)).astype(np.uint16)
    for name, options in LAYOUTS.items():
        stream = io.BytesIO()
        rows = None if "tile" in options else 64
        tifffile.imwrite(stream, array, photometric="minisblack", planarconfig="contig", rowsperstrip=rows, **options)
        content = stream.getvalue()
        assert np.array_equal(ours(content), array) and np.array_equal(theirs(content), array)
        print(f"{name}: {ratio(lambda c=content: ours(c), lambda c=content: theirs(c)):.2f} of tifffile's time", flush=True)
        pages = ratio(lambda c=content: tiff_directory.pages(c), lambda c=content: their_pages(c))
        print(f"  its directories alone: {pages:.2f}", flush=True)
    logging.disable()
    for name, content in damaged().items():
        print(f"{name} ({len(content)} bytes): ours {outcome(ours, content)}; tifffile {outcome(theirs, content)}", flush=True)


def ours(content: bytes) -> np.ndarray:
    return decode_image(content, "file")


def theirs(content: bytes) -> np.ndarray:
    return tifffile.imread(io.BytesIO(content), maxworkers=1)


def their_pages(content: bytes) -> list[Any]:
    return [*tifffile.TiffFile(io.BytesIO(content)).pages]


def damaged() -> dict[str, bytes]:
    """Small files, each with one fault."""
    array = RNG.integers(0, 2**16, (20, 30, 4), dtype=np.uint16)
    pages = tiff(Page(array), Page(array))
    first, second = (each.at for each in tiff_directory.directories(pages))
    smooth = tiff(Page(np.cumsum(array // 999, axis=1, dtype=np.uint16), 8, predictor=True))
    at = smooth.index(struct.pack("<HHI", 317, 3, 1))
    return {
        "a chain of pages that is a circle": pages[:-4] + struct.pack("<I", first),
        "a second page beyond the end": pages.replace(struct.pack("<I", second), b"\xff" * 4),
        "the predictor's field beyond the end": smooth[:at] + struct.pack("<HHII", 317, 3, 99, 2**31) + smooth[at + 12 :],
        "half of its rows": tiff(Page(array[:10], 8, tags={257: (4, [20]), 278: (4, [20])})),
        "a giant without data": tiff(
            Page(array, 8, tags={256: (4, [16_000]), 257: (4, [16_000]), 279: (4, [0]), 278: (4, [16_000])})
        ),
    }


def outcome(read: Callable[[bytes], np.ndarray], content: bytes) -> str:
    try:
        found = read(content)
    except Exception as error:
        return f"refuses it, {type(error).__name__}"
    return f"reads {found.nbytes} bytes of {'x'.join(map(str, found.shape))}"


def ratio(first: Callable[[], object], second: Callable[[], object]) -> float:
    return statistics.median(seconds(first) / seconds(second) for _ in range(ROUNDS))


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
