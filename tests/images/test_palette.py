"""The colours of classes."""

from segpipe.images import palette


def test_the_palette_is_pascal_vocs() -> None:
    assert palette.colours(5) == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
    assert palette.flat_palette()[-3:] == [224, 224, 192]
