"""Which names mean background: in any spelling, and no other names."""

import pytest

from segpipe.record import is_background


@pytest.mark.parametrize(
    "name",
    ["background", "Background", "BACKGROUND", "_background_", "__Background__", "0 background", "00_background", "0: background",
     "back ground", "back-ground", "BG", "bg", "0_bg", "bkg", "background (0)"],
)  # fmt: skip
def test_background_in_any_spelling(name: str) -> None:
    assert is_background(name)


@pytest.mark.parametrize("name", ["", "0", "background of houses", "bug", "foreground", "ground", "big", "backdrop", "void"])
def test_other_names(name: str) -> None:
    assert not is_background(name)
