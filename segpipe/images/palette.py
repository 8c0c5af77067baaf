"""One colour a class, the same in masks, figures and reports: PASCAL VOC's bit-interleaved palette."""

from functools import cache

Colour = tuple[int, int, int]


def colours(n_classes: int) -> list[Colour]:
    """`n_classes` RGB colours, black for class 0: bit k of the id sets bit 7 - k // 3 of channel k % 3."""
    return [_colour(index) for index in range(n_classes)]


@cache
def flat_palette() -> list[int]:
    """256 colours as 768 numbers, as Pillow takes them; 255 (ignored) is light, as in PASCAL VOC."""
    return [value for index in range(256) for value in _colour(index)]


def _colour(index: int) -> Colour:
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]
