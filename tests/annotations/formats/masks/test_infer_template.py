"""Which template the names of images and masks show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.formats.masks.infer_template import infer
from segpipe.annotations.formats.masks.template import parse, stems_of


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
        (["a\\", "b"], ["a\\_mask", "b_mask"], "{stem}_mask", 2),
        ([], ["a"], "", 0),
        (["x/1"], ["y/1_mask"], "", 0),
    ],
)
def test_the_template_that_fits_most_is_found(images: list[str], masks: list[str], template: str, count: int) -> None:
    found = infer(images, masks)
    assert (found.template, found.n_fitting, found.classes) == (template, count, ()) if found else count == 0


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.text("abc019_- .", min_size=1, max_size=6), min_size=2, max_size=8),
    st.sampled_from(["_mask", "-gt", " (mask)", ".seg"]),
)
def test_an_added_ending_is_always_found(stems: set[str], ending: str) -> None:
    found = infer(stems, {stem + ending for stem in stems})
    assert found
    assert found.n_fitting == len(stems)
    template = parse(found.template)
    known = stems_of(template, stems)
    for stem in stems:
        assert {known[each.folder][each.stem] for each in template.matches(stem + ending, known)} == {stem}


FIVE = ("a0", "a1", "a2", "a3", "a4")


def named(*templates: str, images: tuple[str, ...] = FIVE) -> list[str]:
    """The ids of masks that every image has one of."""
    return [template.replace("STEM", image) for image in images for template in templates]


@pytest.mark.parametrize(
    ("masks", "template", "classes"),
    [
        (named("STEM_cat", "STEM_dog"), "{stem}_{class}", ("cat", "dog")),
        (named("dog-STEM", "cat-STEM"), "{class}-{stem}", ("cat", "dog")),
        (named("STEM cat", "STEM dog"), "{stem} {class}", ("cat", "dog")),
        (named("STEM.CAT", "STEM.DOG"), "{stem}.{class}", ("CAT", "DOG")),
        (named("STEMcat", "STEMdog"), "{stem}{class}", ("cat", "dog")),
        (named("STEM_cat_mask", "STEM_dog_mask"), "{stem}_{class}_mask", ("cat", "dog")),
        (named("STEM_mask_cat", "STEM_mask_dog"), "{stem}_mask_{class}", ("cat", "dog")),
        (named("STEM.jpg_cat", "STEM.jpg_dog"), "{stem}.jpg_{class}", ("cat", "dog")),
        (named("STEM_left_lung", "STEM_right_lung"), "{stem}_{class}", ("left_lung", "right_lung")),
        (named("STEM_cat", "STEM_car"), "{stem}_{class}", ("car", "cat")),
        (named("cat/STEM", "dog/STEM"), "{class}/{stem}", ("cat", "dog")),
        (named("cat/STEM_mask", "dog/STEM_mask"), "{class}/{stem}_mask", ("cat", "dog")),
        (named("1. cats/STEM_C", "2. dogs/STEM_D"), "{any}/{stem}_{class}", ("C", "D")),
        (named("STEM/cat", "STEM/dog"), "{stem}/{class}", ("cat", "dog")),
        (named("STEM_cat", "STEM_cat_1", "STEM_dog"), "{stem}_{class}{part}", ("cat", "dog")),
        (named("STEM_object", "STEM_background", "STEM_void"), "{stem}_{class}", ("object",)),
        ([*named("STEM_mask"), "a1_mask_1", "a1_mask_2"], "{stem}_mask{part}", ()),
        ([*named("STEM_lesion"), "a1_lesion (2)"], "{stem}_lesion{part}", ()),
        ([*named("STEM_mask"), "a1_mask2"], "{stem}_mask{part}", ()),
        ([f"{image}/{image[1]}f{at}e" for image in FIVE for at in range(3)], "{stem}/{any}", ()),
        (["a0_cat", "a1_dog", "a2_cat", "a3_dog", "a4_dog"], "{stem}_{class}", ("cat", "dog")),
        ([*named("STEM_cat"), "a0_dog", "a3_dog"], "{stem}_{class}", ("cat", "dog")),
        (["A0_cat", "A0_dog", "a1_cat", "a2_cat", "a2_dog"], "{stem}_{class}", ("cat", "dog")),
    ],
)
def test_several_masks_of_an_image_are_reported_apart(masks: list[str], template: str, classes: tuple[str, ...]) -> None:
    found = infer(FIVE, masks)
    assert found
    assert (found.template, found.classes, found.n_fitting, found.alternatives) == (template, classes, len(masks), ())


def test_images_with_an_ending_of_their_own_have_masks_of_classes() -> None:
    images = [f"{each}_photo" for each in FIVE]
    found = infer(images, named("STEM_cat", "STEM_dog"))
    assert found
    assert (found.template, found.classes) == ("{stem}_photo > {stem}_{class}", ("cat", "dog"))


def test_masks_in_the_folder_of_their_image_need_no_name_of_it() -> None:
    images = [f"{each}/photo" for each in FIVE]
    hashes = infer(images, [f"{each}/{at}c{each[1]}7b" for each in FIVE for at in range(2)])
    classes = infer(images, named("STEM/cat", "STEM/dog"))
    assert hashes
    assert classes
    assert (hashes.template, hashes.classes) == ("{any}", ())
    assert (classes.template, classes.classes) == ("{class}", ("cat", "dog"))
    assert infer(["train/a", "val/b"], ["train/x", "val/y"]) is None


@pytest.mark.parametrize(
    ("masks", "ways", "choices"),
    [
        (
            named("STEM_cat", "STEM_cat2"),
            ["{stem}_cat", "{stem}_cat2"],
            ["{stem}_{class}", "{stem}_cat{part}", "{stem}_cat", "{stem}_cat2"],
        ),
        (
            named("STEM_1stHO", "STEM_2ndHO"),
            ["{stem}_1stHO", "{stem}_2ndHO"],
            ["{stem}_{class}", "{stem}_{any}", "{stem}_1stHO", "{stem}_2ndHO"],
        ),
        (named("STEM_1", "STEM_2"), ["{stem}_1", "{stem}_2"], ["{stem}_{class}", "{stem}{part}", "{stem}_1", "{stem}_2"]),
        ([*named("STEM_mask"), "a1_mask_old"], ["{stem}_mask", "{stem}_mask_old"], ["{stem}_mask"]),
        ([*named("STEM_cat"), "a1_dog"], ["{stem}_cat", "{stem}_dog"], ["{stem}_{class}", "{stem}_{any}", "{stem}_cat"]),
        (named("STEM_color", "STEM_labelIds"), ["{stem}_color", "{stem}_labelIds"], ["{stem}_color", "{stem}_labelIds"]),
        (named("STEM", "STEM_dog"), ["{stem}", "{stem}_dog"], ["{stem}_dog"]),
        (named("STEM_cat", "dog_STEM"), ["dog_{stem}", "{stem}_cat"], ["dog_{stem}", "{stem}_cat"]),
    ],
)
def test_what_names_leave_open_is_said_with_what_can_be_meant(masks: list[str], ways: list[str], choices: list[str]) -> None:
    found = infer(FIVE, masks)
    assert found
    assert (found.template, [way for way, _ in found.alternatives]) == ("", ways)
    texts = [text for text, _ in found.choices()]
    assert texts == choices
    for text in texts:
        template = parse(text)
        known = stems_of(template, FIVE)
        meant = [mask for mask in masks if template.is_mask(mask, ".png")]
        assert len(meant) >= len(FIVE)
        assert all(len(template.matches(mask, known)) == 1 for mask in meant)


def test_a_doubt_names_the_masks_of_one_image() -> None:
    found = infer(FIVE, [*named("STEM_mask"), "a1_mask_old"])
    assert found
    assert found.doubt({"a1_mask": "masks/a1_mask.png"}) == (
        "its images have masks that are called in several ways: {stem}_mask (5), {stem}_mask_old (1); "
        "masks/a1_mask.png and a1_mask_old are of a1"
    )


def test_names_that_differ_where_no_image_has_two_masks_leave_nothing_open() -> None:
    found = infer(FIVE, ["a0", "a1", "a2", "a3", "a4_mask"])
    assert found
    assert (found.template, found.n_fitting) == ("{stem}", 4)


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.text("xyz019_- .", min_size=1, max_size=6), min_size=3, max_size=6),
    st.sets(st.sampled_from(["cat", "dog", "big cow", "left_lung"]), min_size=2),
    st.sampled_from(["{stem}_{class}", "{class}-{stem}", "{class}/{stem}", "{stem}.{class}_mask", "{class}_masks/{stem}"]),
)
def test_classes_are_found_whatever_the_images_are_called(stems: set[str], classes: set[str], text: str) -> None:
    masks = [text.replace("{stem}", stem).replace("{class}", name) for stem in stems for name in classes]
    found = infer(stems, masks)
    assert found
    if found.alternatives:  # where an image's name is another's with more: who is meant?
        return
    template = parse(found.template)
    known = stems_of(template, stems)
    assert all(template.matches(mask, known, found.classes) for mask in masks)
    assert found.classes == tuple(sorted(classes))
