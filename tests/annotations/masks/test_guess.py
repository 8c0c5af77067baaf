"""Which template the names of images and masks show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.masks.guess import guess
from segpipe.annotations.masks.template import parse, stems_of


@pytest.mark.parametrize(
    ("images", "masks", "template", "count"),
    [
        (["a", "b"], ["a_mask", "b_mask"], "{stem}_mask", 2),
        (["1", "2", "12"], ["mask1", "mask2", "mask12"], "mask{stem}", 3),
        (["x/1", "y/1"], ["x/1 gt", "y/1 gt"], "{stem} gt", 2),
        (["p1_1", "p1_2"], ["p1_1_p1", "p1_2_p1"], "{stem}_p1", 2),
        (["a", "b", "c"], ["a_mask", "b_mask", "d"], "{stem}_mask", 2),
        (["img_1", "img_2"], ["msk_1", "msk_2"], "img_{stem} > msk_{stem}", 2),
        (["01_test", "02_test"], ["01_manual1", "02_manual1"], "{stem}_test > {stem}_manual1", 2),
        (["a", "b"], ["a.jpg", "b.jpg"], "{stem}.jpg.png", 2),
        (["a", "b"], ["c", "d"], "", 0),
        (["a{", "b}"], ["a{_mask", "b}_mask"], "", 0),
        ([], ["a"], "", 0),
        (["x/1"], ["y/1_mask"], "", 0),
    ],
)
def test_the_template_that_fits_most_is_found(images: list[str], masks: list[str], template: str, count: int) -> None:
    found = guess(images, masks)
    assert (found.template, found.n_fitting, found.classes) == (template, count, ()) if found else count == 0


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.text("abc019_- .", min_size=1, max_size=6), min_size=2, max_size=8),
    st.sampled_from(["_mask", "-gt", " (mask)", ".seg"]),
)
def test_an_added_ending_is_always_found(stems: set[str], ending: str) -> None:
    found = guess(stems, {stem + ending for stem in stems})
    assert found
    assert found.n_fitting == len(stems)
    template = parse(found.template)
    known = stems_of(template, stems)
    for stem in stems:
        assert {known[each.folder][each.stem] for each in template.readings(stem + ending, known)} == {stem}
