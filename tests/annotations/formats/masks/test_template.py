"""How masks are called after their images: what a template says."""

import pytest

from segpipe.annotations.formats.masks.template import parse, stems_of
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
        assert [stems[each.folder][each.stem] for each in own.matches(mask, stems)] == [image]
        assert own.matches(f"{mask}x", stems) == own.matches(f"x{mask}", stems) == set()
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


def owners(template: str, mask: str, *images: str, classes: tuple[str, ...] | None = None) -> set[tuple[str, str]]:
    """The images and classes that the name of a mask may mean."""
    own = parse(template)
    stems = stems_of(own, images)
    return {(stems[each.folder][each.stem], each.class_name) for each in own.matches(mask, stems, classes)}


@pytest.mark.parametrize(
    ("template", "mask", "expected"),
    [
        ("{stem}_{class}", "a_cat", {("a", "cat")}),
        ("{stem}_{class}", "a_b_cat", {("a", "b_cat"), ("a_b", "cat")}),
        ("{class}-{stem}", "cat-a", {("a", "cat")}),
        ("{class}/{stem}", "cat/a", {("a", "cat")}),
        ("{class}/{stem}", "train/cat/x", {("train/x", "cat")}),
        ("{class}/{stem}", "cat/train/x", {("train/x", "cat")}),
        ("{class}/{stem}_{class}", "cat/a_cat", {("a", "cat")}),
        ("{class}/{stem}_{class}", "cat/a_dog", set()),
        ("{any}/{stem}_{class}", "1. cats/a_cat", {("a", "cat")}),
        ("{stem}/{any}", "a/0f9b", {("a", "")}),
        ("{stem}{class}", "acat", {("a", "cat")}),
        ("{class}", "train/cat", {("train/x", "cat")}),
        ("{any}", "train/0f9b", {("train/x", "")}),
        ("{any}", "0f9b", {("a", ""), ("a_b", ""), ("a1", "")}),
        ("{stem}_{class}", "b_cat", set()),
    ],
)
def test_a_name_tells_image_and_class(template: str, mask: str, expected: set[tuple[str, str]]) -> None:
    assert owners(template, mask, "a", "a_b", "a1", "train/x") == expected


@pytest.mark.parametrize("part", ["", "_1", "-02", " 3", "(4)", "_(5)", ".6", "7"])
def test_a_part_is_a_number_or_nothing(part: str) -> None:
    assert owners("{stem}_mask{part}", f"a_mask{part}", "a") == {("a", "")}
    assert owners("{stem}_{class}{part}", f"a_cat{part}", "a", classes=("cat",)) == {("a", "cat")}


@pytest.mark.parametrize("rest", ["_old", "_1b", "x1", "_1_2"])
def test_what_is_no_number_is_no_part(rest: str) -> None:
    assert owners("{stem}_mask{part}", f"a_mask{rest}", "a") == set()


def test_a_number_is_never_cut() -> None:
    assert owners("{stem}{part}", "a12", "a1", "a") == {("a", "")}
    assert owners("{stem}{part}", "a1_2", "a1", "a12") == {("a1", "")}


def test_only_the_classes_that_are_given_count() -> None:
    assert owners("{stem}_{class}", "a_b_cat", "a", "a_b", classes=("cat", "dog")) == {("a_b", "cat")}
    assert owners("{stem}_{class}", "a_cow", "a", classes=("cat", "dog")) == set()
    assert parse("{stem}_{class}").is_mask("deep/a_cat", ".png", ("cat",))
    assert not parse("{stem}_{class}").is_mask("deep/a_cow", ".png", ("cat",))


def test_an_image_side_tells_no_classes() -> None:
    with pytest.raises(PipelineError, match="Only masks are told apart by"):
        parse("{stem}_{class} > {stem}")
