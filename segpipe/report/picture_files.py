"""Pictures of the worst predictions as files beside the page, which would be too large with all of them in it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segpipe.console.progress import track
from segpipe.dataset.pack import Pack
from segpipe.evaluation import FoldResults
from segpipe.report import examples
from segpipe.report.image_table import Row
from segpipe.report.jpeg import jpeg
from segpipe.storage.files import write_bytes

LONG_SIDE = 320
"""Pixels of each of the four pictures in a file: some 100 kB of a photograph."""


def write(folder: Path, rows: Sequence[Row], results: Sequence[FoldResults], data: Pack) -> None:
    """Writes 00001.jpg and so on, one for each row in their order, `examples.CAPTIONS` side by side in it; others go.

    By number, since an image's name may be any text, and longer than a file's name can be.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folds = {each.fold: each for each in results}
    for number, row in enumerate(track(rows, "pictures", after_s=1.0), start=1):
        four = examples.pictures(row.scores.id, folds[row.fold], row.part, data, LONG_SIDE)
        write_bytes(folder / f"{number:05d}.jpg", jpeg(np.concatenate(four, axis=1)))
