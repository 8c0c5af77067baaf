"""Small folders of images and masks, examined as the stage would do it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segpipe.annotations.convert import examine
from segpipe.annotations.examination.result import Examination
from segpipe.errors import DataError, Fix
from segpipe.images.decode import decode_mask
from segpipe.params.schema import DataParams
from tests.annotations.data_params import data_params

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def save(path: Path, values: Any, dtype: Any = np.uint8, **options: Any) -> None:
    """A picture of these values in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = values if isinstance(values, Image.Image) else Image.fromarray(np.asarray(values, dtype))
    picture.save(path, **options)


def blocks(*values: Any, side: int = 4) -> np.ndarray:
    """A row of squares, each of one value or colour."""
    return np.repeat(np.repeat(np.asarray(values)[None], side, axis=0), side, axis=1)


def photo(path: Path, width: int, height: int, orientation: int = 1) -> None:
    """A picture of noise that is another for each name."""
    noise = np.random.default_rng(sum(path.as_posix().encode())).integers(0, 256, (height, width, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(path, noise, exif=exif)


def folder(root: Path, **masks: Any) -> None:
    """`images/NAME.png` for each mask in `masks/NAME.png`; masks are arrays, of uint8 where they hold Python's numbers."""
    for name, values in masks.items():
        array = np.asarray(values)
        array = array.astype(np.uint8) if array.dtype == np.int64 else array
        save(root / f"masks/{name}.png", array, array.dtype)
        photo(root / f"images/{name}.png", array.shape[1], array.shape[0])


def examined(data: DataParams, spool: Path) -> Examination:
    return examine(data, (), spool / "masks")


def errors(examination: Examination) -> list[DataError]:
    return [problem for problem in examination.problems if not problem.warning]


def masks_of(examination: Examination) -> dict[str, list[list[int]]]:
    """The final masks by id."""
    return {each.id: decode_mask(each.mask_png.read(), each.id).tolist() for each in examination.records}


def mended(data: DataParams, fixes: tuple[Fix, ...]) -> DataParams:
    """The parameters after what the fixes say was written."""
    content = data.model_dump()
    for fix in fixes:
        *sections, key = fix.key.split(".")[1:]
        block = content
        for name in sections:
            block = block[name]
        block[key] = [*block[key], fix.value] if fix.adds else fix.value
    return DataParams.model_validate(content)


def with_settings(root: Path, settings: Mapping[str, Any]) -> DataParams:
    """The project's parameters with what `segpipe init` would set."""
    fixes = tuple(Fix(key, value) for key, value in settings.items())
    return mended(data_params(root, "masks"), fixes)
