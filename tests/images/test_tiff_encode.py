"""TIFFs that we write, read by others: ids and colours of masks, planes of numbers, and the place on the earth."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.images import tiff_encode, tiff_place
from segpipe.images.decode import decode_image, decode_mask
from segpipe.images.palette import colours
from tests.images.tiff_files import PLACE, Page, Tag, tiff


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_mask_has_the_place_of_its_image_as_pillow_reads_it(order: str, big: bool, tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 3, (700, 1600)).astype(np.uint8)
    (tmp_path / "image.tif").write_bytes(tiff(Page(np.zeros((700, 1600, 3), np.uint8), tags=PLACE), order=order, big=big))
    content = tiff_encode.encode_mask(ids, tiff_place.place_of(tmp_path / "image.tif"))
    (tmp_path / "mask.tif").write_bytes(content)
    with Image.open(tmp_path / "mask.tif") as mask:
        assert mask.mode == "P" and len(mask.tag_v2[273]) == 2, "two strips"
        assert np.array_equal(np.asarray(mask), ids)
        assert mask.getpalette()[:9] == [value for colour in colours(3) for value in colour]
        read = {tag: mask.tag_v2[tag] for tag in PLACE}
    assert read == {tag: "WGS 84|" if tag == 34737 else tuple(values) for tag, (_, values) in PLACE.items()}
    assert np.array_equal(decode_mask(content, "mask"), ids)
    assert tiff_encode.encode_mask(ids, tiff_place.place_of(tmp_path / "mask.tif")) == content


@pytest.mark.parametrize(
    ("tags", "pages"),
    [({}, 1), (PLACE | {274: (3, [6])}, 1), ({34735: PLACE[34735], 33550: PLACE[33550]}, 1), (PLACE, 2)],
)
def test_without_keys_or_points_turned_or_among_pages_an_image_has_no_place(
    tags: dict[int, Tag], pages: int, tmp_path: Path
) -> None:
    page = Page(np.zeros((5, 7, 3), np.uint8), tags=tags)
    (tmp_path / "a.tif").write_bytes(tiff(*[page] * pages))
    (tmp_path / "cut.tif").write_bytes(tiff(page)[:-20])
    (tmp_path / "empty.tif").write_bytes(b"")
    for name in ("a.tif", "cut.tif", "empty.tif", "nowhere.tif"):
        assert tiff_place.place_of(tmp_path / name) == {}


def test_planes_are_bands_with_a_description() -> None:
    planes = np.random.default_rng(0).integers(0, 2**16, (5, 30, 40)).astype(np.uint16)
    content = tiff_encode.encode_planes(planes, json.dumps({"classes": ["é"]}), {})
    assert np.array_equal(decode_image(content, "planes"), planes.transpose(1, 2, 0))
    assert b'{"classes": ["\\u00e9"]}\0' in content
