"""How masks are called after their images: what a template says, and which one a folder shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.masks.template import guess, parse
from segpipe.errors import PipelineError


@pytest.mark.parametrize(
    ("template", "image", "mask"),
    [
        ("{stem}", "a", "a"),
        ("{stem}_mask", "deep/a", "deep/a_mask"),
        ("{stem}_mask", "a\nb", "a\nb_mask"),
        ("{stem}_mask.png", "a", "a_mask"),
        ("mask_{stem}", "deep/er/a", "deep/er/mask_a"),
        ("{stem}.ome", "a", "a.ome"),
        ("{stem}.ome.tif", "a", "a.ome"),
        ("{stem}/mask", "deep/a", "deep/a/mask"),
        ("{stem}/{stem}_gt", "a", "a/a_gt"),
        ("{stem}_img > {stem}_mask", "a_img", "a_mask"),
        ("img_{stem}>{stem}", "img_7", "7"),
        ("{stem}_img > {stem}_mask", "a", None),
        ("{stem}_img > {stem}_mask", "_img", None),
    ],
)
def test_a_template_names_the_mask_of_an_image(template: str, image: str, mask: str | None) -> None:
    own = parse(template)
    assert own.mask_id(image) == mask
    if mask:
        assert own.is_mask(mask, ".png") is not template.endswith(".tif")


@pytest.mark.parametrize(
    "text", ["mask", "{name}_mask", "{stem}_{x}", "/{stem}", "../{stem}", "{stem}\\m", "a/{stem} > {stem}", "{stem} >"]
)
def test_what_names_no_mask_is_refused(text: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse(text)
    assert str(caught.value) == (
        f'data.masks.template: "{text}" is no name of a mask. '
        'Write {stem} where the image\'s name stands, as in "{stem}_mask" or "{stem}_photo > {stem}_mask".'
    )


def test_an_image_side_with_two_stems_is_refused() -> None:
    with pytest.raises(PipelineError, match="twice on the side of the image"):
        parse("{stem}{stem} > {stem}")


def test_a_suffix_counts_in_any_case() -> None:
    own = parse("{stem}.PNG")
    assert (own.is_mask("a", ".png"), own.is_mask("a", ".Png"), own.is_mask("a", ".jpg")) == (True, True, False)


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
    assert found == (template, count) or (count == found[1] == 0)


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.text("abc019_- .", min_size=1, max_size=6), min_size=2, max_size=8),
    st.sampled_from(["_mask", "-gt", " (mask)", ".seg"]),
)
def test_an_added_ending_is_always_found(stems: set[str], ending: str) -> None:
    template, count = guess(stems, {stem + ending for stem in stems})
    assert count == len(stems)
    assert {parse(template).mask_id(stem) for stem in stems} == {stem + ending for stem in stems}
