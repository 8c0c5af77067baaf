"""World files, which say beside an image where it lies: six numbers as text, in a file named after the image (Esri)."""

from pathlib import Path

LARGEST = 4096
"""Bytes: six numbers are fewer, and what is larger is no world file."""


def world_file(image: Path) -> Path | None:
    """The world file beside an image: `.pgw` or `.pngw` of a PNG, `.jgw` of a JPEG, `.tfw` of a TIFF, or `.wld`; else None.

    Six numbers and nothing else: the size and turn of a pixel, and where the first one lies.
    """
    suffix = image.suffix[1:]
    names = [f"{suffix[:1]}{suffix[-1:]}w", f"{suffix}w", "wld"]
    return next((found for name in names if _is_one(found := image.with_suffix(f".{name}"))), None)


def _is_one(file: Path) -> bool:
    try:
        return file.stat().st_size <= LARGEST and len([*map(float, file.read_text(encoding="ascii").split())]) == 6
    except (OSError, ValueError):
        return False
