"""Images inside labelme's JSON files (`imageData`): their bytes, and the suffix that these would have as a file."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from segpipe.annotations.formats.labelme.json_file import read_json, text
from segpipe.errors import DataError
from segpipe.storage.byte_source import ByteSource, FileRange

SIGNATURES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"GIF8": ".gif",
}
"""How the files begin. labelme embeds PNG and JPEG, whatever the image file was; other programs embed the file as it is."""


@dataclass(frozen=True)
class Embedded:
    """The image inside the JSON file at `byte_source`, called `name` in sentences. Nothing is decoded before `read`."""

    byte_source: ByteSource
    name: str

    def read(self) -> bytes:
        """The image file's bytes, as they were embedded. Raises DataError where there are none."""
        return decoded(read_json(self.byte_source.read(), self.name), self.name)

    def file_ranges(self) -> tuple[FileRange, ...]:
        """The JSON file."""
        return self.byte_source.file_ranges()


def decoded(content: dict[str, Any], name: str) -> bytes:
    """The bytes of a JSON's image. Raises DataError where they are none of an image."""
    try:
        image = base64.b64decode(text(content, "imageData"))
    except (binascii.Error, ValueError):
        image = b""
    if not _suffix(image):
        raise DataError(name, "an imageData that is no image in base64", "Put the image file beside the JSON file.")
    return image


def suffix_of(content: dict[str, Any]) -> str:
    """The suffix of a JSON's image, by its first bytes; empty where they are of no image."""
    try:
        return _suffix(base64.b64decode(text(content, "imageData")[:64]))  # 48 bytes hold every signature
    except (binascii.Error, ValueError):
        return ""


def _suffix(image: bytes) -> str:
    return next((suffix for signature, suffix in SIGNATURES.items() if image.startswith(signature)), "")
