"""How masks are called after their images: what a template says."""

import pytest

from segpipe.annotations.masks.template import parse, stems_of
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
    stems = stems_of(own, [image])
    assert bool(stems) is bool(mask)
    if mask:
        assert [stems[each.folder][each.stem] for each in own.readings(mask, stems)] == [image]
        assert own.readings(f"{mask}x", stems) == own.readings(f"x{mask}", stems) == set()
        assert own.is_mask(mask, ".png") is not template.endswith(".tif")


@pytest.mark.parametrize(
    "text", ["mask", "{name}_mask", "{stem}_{x}", "/{stem}", "../{stem}", "{stem}\\m", "a/{stem} > {stem}", "{stem} >"]
)
def test_what_names_no_mask_is_refused(text: str) -> None:
    with pytest.raises(PipelineError) as caught:
        parse(text)
    assert str(caught.value) == (
        f'data.masks.template: "{text}" is no name of a mask. '
        'Write {stem} where the image\'s name stands, as in "{stem}_mask" or "{stem}_photo > {stem}_mask", '
        "and if you like {class}, {part} (a number) and {any}."
    )


def test_an_image_side_with_two_stems_is_refused() -> None:
    with pytest.raises(PipelineError, match="twice on the side of the image"):
        parse("{stem}{stem} > {stem}")


def test_a_suffix_counts_in_any_case() -> None:
    own = parse("{stem}.PNG")
    assert (own.is_mask("a", ".png"), own.is_mask("a", ".Png"), own.is_mask("a", ".jpg")) == (True, True, False)
