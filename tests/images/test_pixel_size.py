"""The size of a pixel from each of a TIFF's ways of saying it, by hand."""

import numpy as np
import pytest

from segpipe.images.decode import pixel_size
from tests.images.tiff_files import Page, Tag, tiff

ARRAY = np.zeros((4, 6, 5), np.uint8)


def text(content: str) -> Tag:
    return 2, [*content.encode("utf-8"), 0]


def resolution(x: tuple[int, int], y: tuple[int, int], unit: int) -> dict[int, Tag]:
    return {282: (5, [*x]), 283: (5, [*y]), 296: (3, [unit])}


def geo(keys: list[int], scale: list[float]) -> dict[int, Tag]:
    return {33550: (12, scale), 34735: (3, [1, 1, 0, len(keys) // 4, *keys])}


OME = '<?xml version="1.0"?><OME><Image><Pixels PhysicalSizeX="0.65" PhysicalSizeY="1.3e0" {}/></Image></OME>'


@pytest.mark.parametrize(
    ("tags", "nanometres"),
    [
        ({}, (0, 0)),
        (resolution((300, 1), (300, 1), 2), (84_667, 84_667)),
        (resolution((100, 1), (50, 1), 3), (100_000, 200_000)),
        (resolution((3, 2), (3, 2), 1), (0, 0)),
        (resolution((300, 0), (300, 1), 2), (0, 0)),
        (resolution((0, 1), (0, 1), 2), (0, 0)),
        (resolution((7200, 254), (7200, 254), 3), (0, 0)),
        (resolution((2, 1), (4, 1), 1) | {270: text("ImageJ=1.54\nunit=um\n")}, (500, 250)),
        (resolution((2, 1), (4, 1), 1) | {270: text("ImageJ=1.54\nunit=\\u00B5m\nloop=false\n")}, (500, 250)),
        (resolution((72, 1), (72, 1), 1) | {270: text("ImageJ=1.54\nunit=mm\n")}, (13_889, 13_889)),
        (resolution((2, 1), (4, 1), 1) | {270: text("ImageJ=1.54\nunit=furlong\n")}, (0, 0)),
        ({270: text(OME.format(""))}, (650, 1300)),
        ({270: text(OME.format('PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm"'))}, (1, 1)),
        ({270: text(OME.format('PhysicalSizeXUnit="pixel" PhysicalSizeYUnit="pixel"'))}, (0, 0)),
        ({270: text('<OME PhysicalSizeX="." PhysicalSizeY="e"/>')}, (0, 0)),
        ({270: text('<OME PhysicalSizeX="1e300" PhysicalSizeY="-4"/>')}, (0, 0)),
        (geo([1024, 0, 1, 1], [10.0, 20.0, 0.0]), (10**10, 2 * 10**10)),
        (geo([1024, 0, 1, 1, 3076, 0, 1, 9002], [1.0, 1.0, 0.0]), (304_800_000, 304_800_000)),
        (geo([1024, 0, 1, 2], [0.0001, 0.0001, 0.0]), (0, 0)),
        (geo([1024, 0, 1, 2], [0.0001, 0.0001, 0.0]) | resolution((300, 1), (300, 1), 2), (0, 0)),
        (geo([1024, 0, 1, 1], [float("nan"), 1.0, 0.0]), (0, 0)),
        ({34735: (3, [1, 1, 0, 1, 1024, 0, 1, 1]), 34264: (12, [3.0, 0, 0, 0, 4.0, 5.0, *[0.0] * 10])}, (5 * 10**9, 5 * 10**9)),
    ],
)
def test_each_way_of_saying_it(tags: dict[int, Tag], nanometres: tuple[int, int]) -> None:
    assert pixel_size(tiff(Page(ARRAY, tags=tags)), "scan.tif") == nanometres
    assert pixel_size(tiff(Page(ARRAY[..., :3], tags=tags), order=">"), "scan.tif") == nanometres, "one that Pillow decodes"
