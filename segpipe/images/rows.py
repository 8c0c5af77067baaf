"""An image that gives some of its rows at a time: an array, or a file of which no more is read."""

from typing import Any, Protocol

from numpy.typing import NDArray


class Rows(Protocol):
    """(H, W, C), uint8 or uint16; `image[10:20]` are ten rows of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """(rows, W, C)."""
