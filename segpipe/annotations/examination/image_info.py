"""What is known of an image without its annotation: size, pixel statistics, and a fingerprint."""

from dataclasses import dataclass

from segpipe.annotations import measure
from segpipe.annotations.near_duplicates.fingerprint import fingerprint
from segpipe.errors import DataError
from segpipe.images.decode import decode_image, pixel_size, transparency


@dataclass(frozen=True)
class ImageInfo:
    """`spacing`, `sums`, `squares`, `low` and `high` as a `Record` has them.

    `problems` are reported under the name of the file. `fingerprint` is empty where near-duplicates are not looked for.
    """

    width: int
    height: int
    channels: int
    bits: int
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    spacing: tuple[int, int]
    problems: tuple[DataError, ...]
    fingerprint: bytes


def image_info(content: bytes, name: str, near_duplicates: str) -> ImageInfo:
    """Reads a file's bytes; `near_duplicates` is that of params.yaml. Raises DataError for what is no sound image."""
    image = decode_image(content, name)
    values = measure.histograms(image)
    sums, squares = measure.sums_and_squares(values)
    return ImageInfo(
        width=image.shape[1],
        height=image.shape[0],
        channels=image.shape[2],
        bits=8 * image.dtype.itemsize,
        sums=sums,
        squares=squares,
        low=measure.percentile(values, measure.LOW),
        high=measure.percentile(values, measure.HIGH),
        spacing=pixel_size(content, name),
        problems=tuple(transparency(content, name)),
        fingerprint=b"" if near_duplicates == "none" else fingerprint(image, near_duplicates == "parts"),
    )
