"""Layouts of several masks an image, and of folders that hold a part in their name; what is said where names leave it open."""

import shlex
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.annotations.detect.layout import Layout, recognise
from segpipe.annotations.detect.mask_folders import MaskFolders
from segpipe.annotations.formats.masks.mask_files import MaskFiles
from segpipe.annotations.formats.masks.source import source
from segpipe.annotations.items import Item
from segpipe.errors import PipelineError
from tests.annotations.data_params import data_params
from tests.annotations.detect.test_layout import refusal, touch

STEMS = ("a0", "a1", "a2", "a3")


def make(root: Path, *files: str) -> Path:
    """Each file for every stem; C stands for cat and dog, P for train and val."""
    for file in files:
        for stem in STEMS:
            for part in ("train", "val"):
                for name in ("cat", "dog"):
                    touch(root, file.replace("S", stem).replace("C", name).replace("P", part))
    return root


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        (["images/S.jpg", "masks/S_C.png"], ("images", "masks", "{stem}_{class}")),
        (["images/S.jpg", "masks/C-S.png"], ("images", "masks", "{class}-{stem}")),
        (["images/S.jpg", "masks/S C.TIF"], ("images", "masks", "{stem} {class}")),
        (["images/S.jpg", "masks/S.C.tif"], ("images", "masks", "{stem}.{class}")),
        (["frames/S.TIF", "labels/C/S.png"], ("frames", "labels", "{class}/{stem}")),
        (["images/S.jpg", "masks_C/S.png"], ("images", ".", "masks_{class}/{stem}")),
        (["images/P/S.jpg", "masks/P/C/S.png"], ("images", "masks", "{class}/{stem}")),
        (["images/P/S.jpg", "masks/C/P/S.png"], ("images", "masks", "{class}/{stem}")),
        (["P/images/S.jpg", "P/masks/C/S.png"], ("images", "masks", "{class}/{stem}")),
        (["P/images/S.jpg", "P/masks/S_C.png"], ("images", "masks", "{stem}_{class}")),
        (["P/S.jpg", "P_masks/S_C.png"], (".", "*_masks", "{stem}_{class}")),
        (["S.jpg", "S_C.png"], (".", ".", "{stem}_{class}")),
        (["x/S.png", "x/S_C_mask.png"], (".", ".", "{stem}_{class}_mask")),
        (["x/S.png", "x/C.S.png"], (".", ".", "{class}.{stem}")),
    ],
)
def test_masks_of_classes_are_recognised(tmp_path: Path, files: list[str], layout: tuple[str, str, str]) -> None:
    assert recognise(make(tmp_path, *files)) == Layout("masks", *layout, classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("files", "more", "layout"),
    [
        (["b/S.png", "b/S_mask.png"], ["b/a0_mask_1.png", "b/a3_mask_2.png"], (".", ".", "{stem}_mask{part}")),
        (["b/b (S).png", "b/b (S)_mask.png"], ["b/b (a0)_mask_1.png"], (".", ".", "{stem}_mask{part}")),
        (["images/S.jpg", "masks/S_mask.png"], ["masks/a0_mask_1.png"], ("images", "masks", "{stem}_mask{part}")),
        (["images/S.jpg", "masks/S/S7f.png"], ["masks/a0/9e1.png", "masks/a0/3c.png"], ("images", "masks", "{stem}/{any}")),
        (["S/images/S.png", "S/masks/x.png"], ["a0/masks/9e1.png", "a0/masks/3c.png"], None),
    ],
)
def test_parts_of_a_mask_are_recognised(
    tmp_path: Path, files: list[str], more: list[str], layout: tuple[str, str, str] | None
) -> None:
    touch(make(tmp_path, *files), *more)
    if layout:
        assert recognise(tmp_path) == Layout("masks", *layout)
    else:
        assert "x (4), 3c (1), 9e1 (1); a0/masks/3c.png, a0/masks/9e1.png and a0/masks/x.png are of a0/a0" in refusal(tmp_path)


def test_hundreds_of_masks_in_the_folder_of_their_image_are_its_parts(tmp_path: Path) -> None:
    for number, stem in enumerate(STEMS):
        touch(tmp_path, f"{stem}/images/{stem}.png", *(f"{stem}/masks/{number}{at}cafe.png" for at in range(3)))
    assert recognise(tmp_path) == Layout("masks", "images", "masks", "{any}")


@pytest.mark.parametrize(
    ("files", "image_dir", "mask_dir"),
    [
        (["P/S.png", "Pannot/S.png"], ".", "*annot"),
        (["P_images/S.png", "P_masks/S.png"], "*_images", "*_masks"),
        (["images_P/S.png", "labels-P/S.png"], "images_*", "labels-*"),
        (["P/S.png", "P_masks/S.png"], ".", "*_masks"),
        (["set/PImages/S.png", "set/PMasks/S.png"], "*Images", "*Masks"),
        (["ds/img/S.jpg", "ds/masks_machine/S.png", "ds/masks_human/S.png"], "img", "masks_machine"),
        (["img/S.jpg", "colour_masks/S.png"], "img", "colour_masks"),
    ],
)
def test_folders_that_hold_the_part_in_their_name(tmp_path: Path, files: list[str], image_dir: str, mask_dir: str) -> None:
    assert recognise(make(tmp_path, *files)) == Layout("masks", image_dir, mask_dir)


def test_folders_of_masks_to_look_at_are_passed_over_whatever_masks_are_called(tmp_path: Path) -> None:
    make(tmp_path, "img/S.jpg", "masks_machine/S.jpg.png", "masks_human/S.jpg.png")
    assert recognise(tmp_path) == Layout("masks", "img", "masks_machine", "{stem}.jpg.png")


@pytest.mark.parametrize("folder", ["trainable", "latest", "contests", "trainval_x"])
def test_words_that_hold_the_name_of_a_part_are_no_parts(tmp_path: Path, folder: str) -> None:
    touch(tmp_path, *(f"{folder}/images/{stem}.jpg" for stem in STEMS), *(f"{folder}/masks/{stem}.png" for stem in STEMS))
    assert recognise(tmp_path) == Layout("masks", "images", "masks")


DOUBTS = [
    (["images/S.jpg", "masks/S_cat.png", "masks/S_cat2.png"], [], 4),
    (["images/S.jpg", "masks/S_manual1.png", "masks/S_manual2.png"], [], 4),
    (["images/S.jpg", "masks/S_cat.png"], ["masks/a1_dog.png"], 3),
    (["images/S.jpg", "masks/S_mask.png"], ["masks/a1_mask_old.png"], 1),
    (["images/S.jpg", "masks/S_cat.png", "masks/S_dog.png", "masks/overlay/S.png"], [], 4),
    (["S.jpg", "S_1stHO.png", "S_2ndHO.png"], [], 2),
    (["leftImg8bit/x_S_leftImg8bit.png", "gtFine/x_S_gtFine_color.png", "gtFine/x_S_gtFine_labelIds.png"], [], 2),
]


@pytest.mark.parametrize(("files", "more", "n_choices"), DOUBTS)
def test_what_is_left_open_names_two_masks_and_every_printed_choice_is_taken(
    tmp_path: Path, files: list[str], more: list[str], n_choices: int
) -> None:
    touch(make(tmp_path, *files), *more)
    lines = refusal(tmp_path).splitlines()
    assert ".png and " in lines[0]
    assert " are of " in lines[0]
    options = [shlex.split(line) for line in lines if line.startswith("  --image-dir")]
    settings = [shlex.split(line) for line in lines if line.startswith("  -S")]
    assert len(options) == len(settings) == n_choices
    for own, same in zip(options, settings, strict=True):
        image_dir, mask_dir, template = own[1::2]
        assert [each.partition("=")[2] for each in same[1::2]] == [image_dir, mask_dir, template]
        assert recognise(tmp_path, None, image_dir, mask_dir, template).template == template
        assert recognise(tmp_path, template=template) == recognise(tmp_path, None, image_dir, mask_dir, template)


def test_a_folder_within_the_folder_of_masks_is_taken_where_it_holds_all_of_them(tmp_path: Path) -> None:
    make(tmp_path, "images/S.jpg", "annotations/trimaps/S.png")
    touch(tmp_path, "annotations/list.txt")
    assert recognise(tmp_path) == Layout("masks", "images", "annotations/trimaps")
    touch(tmp_path, *(f"annotations/{stem}_cat.png" for stem in STEMS))
    assert "trimaps/{stem} (4), {stem}_cat (4); annotations/a0_cat.png and annotations/trimaps/a0.png are of a0" in refusal(
        tmp_path
    )


def test_folders_of_unknown_names_may_be_classes_and_the_choice_is_printed(tmp_path: Path) -> None:
    make(tmp_path, "images/S.jpg", "C/S.png")
    assert refusal(tmp_path).endswith(
        "; or, where each folder holds the masks of one class, --image-dir images --mask-dir . --template '{class}/{stem}' "
        "or -S data.masks.image_dir=images -S data.masks.mask_dir=. -S 'data.masks.template={class}/{stem}'."
    )
    expected = Layout("masks", "images", ".", "{class}/{stem}", classes=("cat", "dog"))
    assert recognise(tmp_path, None, "images", ".", "{class}/{stem}") == expected


def test_a_template_alone_finds_its_folders(tmp_path: Path) -> None:
    make(tmp_path, "photos/S.jpg", "masks/C_S.png")
    expected = Layout("masks", "photos", "masks", "{class}_{stem}", classes=("cat", "dog"))
    assert recognise(tmp_path, template="{class}_{stem}") == expected
    with pytest.raises(PipelineError) as caught:
        recognise(tmp_path, template="{stem}_gt")
    assert str(caught.value) == (
        f'{tmp_path}: no mask is called "{{stem}}_gt" after an image, in folders whose names tell images from masks. '
        "Correct the template, or name the two folders as well."
    )
    assert refusal(tmp_path, "coco", "", "", "{stem}_gt").startswith("--image-dir and --mask-dir belong together")


def test_names_that_mean_no_class_are_none(tmp_path: Path) -> None:
    make(tmp_path, "images/S.jpg", "masks/S_C.png", "masks/S_void.png", "masks/S_background.png")
    assert recognise(tmp_path).classes == ("cat", "dog")
    assert recognise(tmp_path, template="{stem}_{class}").classes == ("cat", "dog")


def test_a_list_of_pairs_may_tell_classes(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "1.png", "2.png")
    for head in ("image;mask;Class", '"image";"mask";"class"'):
        (tmp_path / "pairs.csv").write_text(f"{head}\na.jpg;1.png;dog\na.jpg;2.png;cat\n")
        assert recognise(tmp_path) == Layout("masks", ".", ".", pairs="pairs.csv", classes=("cat", "dog"))
    (tmp_path / "pairs.csv").rename(tmp_path / "list.csv")
    assert recognise(tmp_path, pairs="list.csv") == Layout("masks", ".", ".", pairs="list.csv", classes=("cat", "dog"))


def test_options_are_quoted_for_a_shell() -> None:
    own = MaskFolders("my images", "*_masks", "{stem}_{class}")
    assert shlex.split(own.as_init)[1::2] == ["my images", "*_masks", "{stem}_{class}"]
    assert shlex.split(own.as_convert)[1::2] == [
        "data.masks.image_dir=my images",
        "data.masks.mask_dir=*_masks",
        "data.masks.template={stem}_{class}",
    ]


AFFIXES = ("", "_mask", "_mask_1", "_cat", "_dog", "_cat2", "_old", "-gt", ".seg", "_1", " (2)")


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([("images", "masks"), (".", "."), ("train", "trainannot")]),
    st.sampled_from([("a", "b", "c"), ("1", "2", "12"), ("a", "a_1", "a_b")]),
    st.sets(st.sampled_from(AFFIXES), min_size=1, max_size=3),
    st.sets(st.integers(0, 8)),
)
def test_no_mask_is_lost_whatever_it_is_called(
    folders: tuple[str, str], stems: tuple[str, ...], affixes: set[str], missing: set[int]
) -> None:
    names = [f"{stem}{affix}" for stem in stems for affix in sorted(affixes)]
    own = {f"{folders[1]}/{name}.png" for number, name in enumerate(names) if number not in missing}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        touch(root, *own, *(f"{folders[0]}/{stem}.jpg" for stem in stems))
        try:
            layout = recognise(root)
        except PipelineError:
            return
        keys = {key: getattr(layout, key) for key in ("image_dir", "mask_dir", "template")}
        by_class = {"classes": ("background", *layout.classes), "values": "binary"} if layout.classes else {}
        found = source(root, data_params(root, "masks", **keys, **by_class)).found
    read = [name for item in found.items for name in names_of(item)]
    told = "\n".join(str(problem) for problem in found.problems if not problem.warning)
    assert len(set(read)) == len(read)
    assert all(name in read or name in told for name in (each.removeprefix("./") for each in own))


def names_of(item: Item) -> list[str]:
    if isinstance(item.annotation, MaskFiles):
        return [each.name for each in item.annotation.files]
    return [item.annotation_name] if item.annotation else []


@pytest.mark.parametrize("masks", ["1st_manual/{0}_manual1.gif", "labels/{0}.png"])
def test_two_folders_of_masks_for_one_of_images_are_a_question(tmp_path: Path, masks: str) -> None:
    """A retina set has the field of view in `mask`, and the vessels elsewhere: which is meant, nobody can see."""
    for part in ("training", "test"):
        for number in range(4):
            for name in (f"images/{number}_{part}.tif", f"mask/{number}_{part}_mask.gif", masks.format(number)):
                touch(tmp_path, f"{part}/{name}")
    rival = masks.partition("/")[0]
    with pytest.raises(PipelineError) as caught:
        recognise(tmp_path)
    assert str(caught.value) == (
        f'{tmp_path}: the folders "mask" and "{rival}" both may hold the masks of "images". For the first add --image-dir images '
        "--mask-dir mask; for the second list them in pairs.csv in this folder: image,mask, a line an image."
    )
    assert recognise(tmp_path, None, "images", "mask").mask_dir == "mask"
    (tmp_path / "pairs.csv").write_text("image,mask\n")
    assert recognise(tmp_path).pairs == "pairs.csv"


def test_folders_for_people_and_few_others_are_no_question(tmp_path: Path) -> None:
    for number in range(4):
        touch(tmp_path, f"images/{number}.png", f"masks/{number}.png", f"labels_preview/x{number}.png")
    touch(tmp_path, "gt/one.png")
    assert recognise(tmp_path).mask_dir == "masks"
