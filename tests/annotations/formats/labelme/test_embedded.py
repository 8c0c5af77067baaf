"""Images inside JSON files: the bytes that were embedded, in whatever process, and one sentence where there are none."""

import base64
import io
import json
import pickle
from typing import Any

import pytest
from PIL import Image

from segpipe.annotations.formats.labelme.embedded import Embedded, suffix_of
from segpipe.errors import DataError
from segpipe.images.decode import decode_image
from segpipe.storage.byte_source import InMemory

FORMATS = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp", "GIF": ".gif"}


def file_of(file_format: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 5), (9, 90, 200)).save(stream, format=file_format)
    return stream.getvalue()


def embedded(image_data: Any) -> Embedded:
    return Embedded(InMemory(json.dumps({"shapes": [], "imageData": image_data}).encode()), "a.json")


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_bytes_come_out_as_they_went_in(file_format: str) -> None:
    content = file_of(file_format)
    image = embedded(base64.b64encode(content).decode())
    assert image.read() == content
    assert pickle.loads(pickle.dumps(image)).read() == content
    assert suffix_of({"imageData": base64.b64encode(content).decode()}) == FORMATS[file_format]
    assert decode_image(image.read(), "a").shape == (5, 6, 3)


def test_lines_of_base64_are_one(tmp_path: Any) -> None:
    content = file_of("PNG")
    assert embedded(base64.encodebytes(content).decode()).read() == content


@pytest.mark.parametrize(
    "image_data",
    [None, "", 5, [], "abc", "é", "AAAA", base64.b64encode(b"%PDF-1").decode(), "data:image/png;base64,iVBORw0KGgo="],
)
def test_what_is_no_image_is_reported(image_data: Any) -> None:
    with pytest.raises(DataError) as caught:
        embedded(image_data).read()
    assert str(caught.value) == ("a.json: an imageData that is no image in base64. Put the image file beside the JSON file.")
    assert suffix_of({"imageData": image_data}) == ""


def test_a_broken_file_is_reported() -> None:
    with pytest.raises(DataError, match="a JSON file that is broken"):
        Embedded(InMemory(b"{"), "a.json").read()
