"""From the names in files to final ids: background first wherever it stands, and whatever it is called."""

import pytest

from segpipe.annotations.class_map import class_ids


@pytest.mark.parametrize("name", ["background", "Background", "0 background", "BG"])
def test_background_becomes_the_first_class(name: str) -> None:
    ids = class_ids(("bone", name, "cartilage"), {})
    assert ids.classes == (name, "bone", "cartilage")
    assert [ids.ids[each] for each in ("bone", name, "cartilage")] == [1, 0, 2]
    assert ids.ids["_background_"] == 0


def test_without_background_the_order_stays() -> None:
    ids = class_ids(("sky", "road", "__ignore__", "__ignore__"), {})
    assert (ids.classes, ids.ids["__ignore__"]) == (("sky", "road"), 255)
    assert "background" not in ids.ids


def test_a_class_that_is_renamed_to_background_is_the_first_one() -> None:
    ids = class_ids(("cat", "dog", "floor"), {"floor": "background"})
    assert (ids.classes, ids.ids["floor"], ids.ids["cat"]) == (("background", "cat", "dog"), 0, 1)
