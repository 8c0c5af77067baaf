"""YOLO: masks by hand, every usual layout, data.yaml however it is written, and one sentence for each mistake of a file."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.detect import summary
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.detect.layout import recognise
from segpipe.annotations.detect.settings import data_settings
from segpipe.annotations.examination.result import Examination
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from tests.annotations import examined_folders
from tests.annotations.data_params import data_params

CLASSES = ["background", "cat", "dog"]
NAMES = "names: [cat, dog]\n"
SQUARE = "0.125 0.25 0.375 0.25 0.375 0.5 0.125 0.5"
"""In an image of 8 x 4 pixels columns 1 to 3 and rows 1 to 2, edges included, as labelme's rule fills it."""
FILLED = ["00000000", "01110000", "01110000", "00000000"]


def picture(path: Path, size: tuple[int, int] = (8, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def one(root: Path, label: str | bytes, yaml: str | bytes = NAMES) -> None:
    picture(root / "images/a.png")
    text(root / "labels/a.txt", label)
    text(root / "data.yaml", yaml)


def examined(root: Path, **keys: Any) -> Examination:
    return examined_folders.examined(root, "yolo", **({"classes": CLASSES} | keys))


def told(root: Path, warning: bool = False, **keys: Any) -> list[str]:
    found = examined(root, **keys).problems
    return sorted(str(each) for each in found if each.warning == warning)


def rows(root: Path, **keys: Any) -> list[str]:
    """The one image's mask, a string a row."""
    assert told(root, **keys) == []
    (record,) = examined(root, **keys).records
    return ["".join(map(str, row)) for row in decode_mask(record.mask_png.read(), "mask")]


@pytest.mark.parametrize(
    "label",
    [
        f"0 {SQUARE}",
        f"0 {SQUARE}\n",
        f"\n0 {SQUARE}\n\n",
        f"0.0 {SQUARE}\r\n",
        f"\ufeff0 {SQUARE}",
        f"0\t{SQUARE}  ",
        "0 1.25e-1 .25 0.375 0.25 +0.375 0.5 0.125 0.5",
    ],
)
def test_a_polygon_is_filled(tmp_path: Path, label: str) -> None:
    one(tmp_path, label)
    assert rows(tmp_path) == FILLED


def test_later_lines_lie_over_earlier_ones(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}\n1 0.375 0.5 0.625 0.5 0.625 0.75 0.375 0.75")
    assert rows(tmp_path) == ["00000000", "01110000", "01122200", "00022200"]


def test_an_empty_file_is_background_and_a_missing_one_follows_the_rule(tmp_path: Path) -> None:
    one(tmp_path, "")
    assert rows(tmp_path) == ["00000000"] * 4
    picture(tmp_path / "images/b.png")
    assert told(tmp_path) == [
        "images/b.png: an image without a label file. Annotate it, or set data.unannotated to skip or background."
    ]
    assert [record.id for record in examined(tmp_path, unannotated="skip").records] == ["a"]
    assert [record.id for record in examined(tmp_path, unannotated="background").records] == ["a", "b"]


@pytest.mark.parametrize(
    ("image", "label", "yaml", "item", "part"),
    [
        ("images/a.png", "labels/a.txt", "", "a", ""),
        ("images/train/a.png", "labels/train/a.txt", "", "train/a", "train"),
        ("images/train2017/a.png", "labels/train2017/a.txt", "", "train2017/a", "train"),
        ("valid/images/a.png", "valid/labels/a.txt", "val: ../valid/images", "valid/a", "val"),
        ("a.png", "a.txt", "", "a", ""),
        ("test/a.png", "test/a.txt", "", "test/a", "test"),
        ("images/a.png", "images/a.txt", "", "a", ""),
        ("Images/a.PNG", "Labels/a.txt", "", "a", ""),
        ("images/a.b.rf.0af.png", "labels/a.b.rf.0af.txt", "", "a.b.rf.0af", ""),
        ("set/images/x/a.png", "set/labels/x/a.txt", "", "set/x/a", ""),
        ("images/one/a.png", "labels/one/a.txt", "train: images/one", "one/a", "train"),
        ("images/one/a.png", "labels/one/a.txt", "path: ../datasets/mine\ntest: images/one", "one/a", "test"),
        ("images/one/a.png", "labels/one/a.txt", "path: /home/me/data\nval: images/one/", "one/a", "val"),
        ("images/one/a.png", "labels/one/a.txt", "val: /home/me/data/images/one", "one/a", "val"),
        ("images/one/a.png", "labels/one/a.txt", "val: C:\\data\\images\\one", "one/a", "val"),
        ("images/one/a.png", "labels/one/a.txt", "train:\n- images/two\n- images/one", "one/a", "train"),
        ("images/a.png", "labels/a.txt", "train: images", "a", "train"),
        ("images/a.png", "labels/a.txt", "train: .", "a", "train"),
        ("images/one/a.png", "labels/one/a.txt", "val: images/one/a.png", "one/a", "val"),
        ("images/test/a.png", "labels/test/a.txt", "train: images/train\ntest: null", "test/a", "test"),
    ],
)
def test_layouts(tmp_path: Path, image: str, label: str, yaml: str, item: str, part: str) -> None:
    picture(tmp_path / image)
    text(tmp_path / label, f"0 {SQUARE}")
    text(tmp_path / "data.yaml", f"{NAMES}{yaml}\n")
    assert recognise(tmp_path).kind == "yolo"
    assert rows(tmp_path) == FILLED
    (record,) = examined(tmp_path).records
    assert (record.id, record.source, record.given) == (item, image, part)
    assert not any("null" in sentence for sentence in told(tmp_path, warning=True))


def test_lists_of_images_give_the_parts(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"images/{name}.png")
        text(tmp_path / f"labels/{name}.txt", f"0 {SQUARE}")
    text(tmp_path / "train.txt", "./images/a.png\r\n/home/me/data/images/b.png\n\n")
    text(tmp_path / "lists/val.txt", "images\\c.png")
    text(tmp_path / "data.yaml", f"{NAMES}train: train.txt\nval: lists/val.txt\n")
    assert [(record.id, record.given) for record in examined(tmp_path).records] == [("a", "train"), ("b", "train"), ("c", "val")]
    text(tmp_path / "train.txt", "images/a.png\nimages/gone.png")
    assert told(tmp_path) == [
        "images/gone.png in train.txt: named in a list but not in the folder. Add it, or take it off the list."
    ]


def test_images_named_for_two_parts_belong_to_none(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}", f"{NAMES}train: images\nval: images\n")
    assert rows(tmp_path) == FILLED
    assert examined(tmp_path).records[0].given == ""
    assert told(tmp_path, warning=True) == [
        "images/a.png: named as several parts by data.yaml, and so taken as none. Name each image once."
    ]


@pytest.mark.parametrize("entry", ["..", "../out", "/etc", "../../out/images", "gone", "x" * 5000, '"a\\0b"', "test/images"])
def test_nothing_outside_the_folder_gives_a_part(tmp_path: Path, entry: str) -> None:
    picture(tmp_path / "out/images/b.png")
    root = tmp_path / "data"
    one(root, f"0 {SQUARE}", f"{NAMES}test: {entry}\n")
    assert rows(root) == FILLED
    (sentence,) = told(root, warning=True)
    assert sentence.startswith('data.yaml: its test, "')
    assert '", is not in the folder. ' in sentence


@pytest.mark.parametrize(
    "yaml",
    [
        "names: [cat, dog]",
        "names:\n- cat\n- dog",
        "names:\n  0: cat\n  1: dog\n",
        "names: {1: dog, 0: cat}",
        'names: ["cat", dog]\nnc: 2',
        "\ufeffnames: [cat, dog]",
        "names: !!python/object/apply:os.system [cat, dog]",
        "download: https://example.org\nnames: [cat, dog]",
    ],
)
def test_names_are_a_list_or_a_map(tmp_path: Path, yaml: str) -> None:
    one(tmp_path, f"0 {SQUARE}", yaml)
    assert rows(tmp_path) == FILLED
    assert rows(tmp_path, classes=["background", "dog", "cat"])[1] == "02220000"


def test_words_that_yaml_takes_for_truth_or_numbers_are_names(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}\n1 {SQUARE}\n2 {SQUARE}", "names: [no, 7, 1.0]")
    assert rows(tmp_path, classes=["background", "no", "7", "1.0"])[1] == "03330000"


def test_names_of_background_and_ignore_are_that(tmp_path: Path) -> None:
    one(
        tmp_path,
        f"0 {SQUARE}\n1 0.125 0.25 0.25 0.25 0.25 0.5\n2 0.375 0.5 0.375 0.5 0.375 0.5",
        "names: [cat, background, ignore]",
    )
    (record,) = examined(tmp_path).records
    assert decode_mask(record.mask_png.read(), "").tolist()[1:3] == [[0, 0, 0, 1, 0, 0, 0, 0], [0, 1, 0, 255, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("yaml", "what"),
    [
        ("names: 5", "data.yaml: names that are no list of 1 to 254 class names"),
        ("names: []", "data.yaml: names that are no list of 1 to 254 class names"),
        ("names: [[cat]]", "data.yaml: names that are no list of 1 to 254 class names"),
        ("names: {a: cat}", "data.yaml: names that are no list of 1 to 254 class names"),
        ("names: {-1: cat}", "data.yaml: names that are no list of 1 to 254 class names"),
        ('names: [cat, ""]', "data.yaml: names that are no list of 1 to 254 class names"),
        ('names: [cat, "a\\nb"]', "data.yaml: names that are no list of 1 to 254 class names"),
        ("names: &a [*a]", "data.yaml: a broken file (no YAML)"),
        ("names: [cat, dog]\nnc: 3", "data.yaml: nc is 3, but there are 2 names"),
        ("names: [cat", "data.yaml: a broken file (no YAML)"),
        ("[" * 500, "data.yaml: a broken file (no YAML)"),
        (b"names: [\xff]", "data.yaml: a broken file (not in UTF-8)"),
    ],
)
def test_a_data_yaml_that_is_wrong_is_reported(tmp_path: Path, yaml: str | bytes, what: str) -> None:
    one(tmp_path, f"0 {SQUARE}", yaml)
    (sentence,) = told(tmp_path)
    assert sentence.startswith(f"{what}. ")


def test_the_same_name_twice_is_one_class_with_a_warning(tmp_path: Path) -> None:
    one(tmp_path, f"1 {SQUARE}", "names: [cat, cat]")
    assert rows(tmp_path) == FILLED
    assert told(tmp_path, warning=True)[0].startswith("data.yaml: the same name for several classes (cat), which count as one.")


def test_two_files_of_other_names_are_reported(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}")
    text(tmp_path / "coco8.yaml", "names: [person]")
    text(tmp_path / "args.yaml", "epochs: 5")
    assert told(tmp_path) == ["data.yaml: other class names than coco8.yaml. Keep the file that belongs to the labels."]


def test_without_data_yaml_the_names_come_from_a_list_or_from_params(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    text(tmp_path / "labels/a.txt", f"1 {SQUARE}")
    assert rows(tmp_path)[1] == "02220000"
    text(tmp_path / "labels/classes.txt", "dog\ncat\n")
    assert rows(tmp_path)[1] == "01110000"
    text(tmp_path / "labels/a.txt", f"2 {SQUARE}")
    assert told(tmp_path)[0].startswith("line 1 of labels/a.txt: class ids that classes.txt does not name: 2. ")


def test_names_that_params_do_not_list_get_the_line_that_adds_them(tmp_path: Path) -> None:
    one(tmp_path, f"1 {SQUARE}")
    (problem,) = (each for each in examined(tmp_path, classes=["background", "cat"]).problems if each.fix)
    assert str(problem).startswith('labels/a.txt: a label that data.yolo.classes does not list: "dog". ')
    assert problem.fix
    assert (problem.fix.key, problem.fix.value, problem.fix.adds) == ("data.yolo.classes", "dog", True)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0 0.5 0.5 0.25 0.25", "a box (five numbers) and no polygon: a box says where an object is, not which pixels are its"),
        ("0 0.5 0.5 0.25 0.25 0.9", "an odd number of coordinates"),
        (f"0 {SQUARE} 0.5", "an odd number of coordinates"),
        ("0", "a polygon of fewer than three points, which has no inside"),
        ("0 0.5 0.5", "a polygon of fewer than three points, which has no inside"),
        ("0 1 1 3 1 3 2", "coordinates in pixels, where shares of the image (0 .. 1) belong"),
        ("0 0.1 0.1 1.3 0.1 0.3 0.4", "coordinates outside the image: they must be from 0 to 1"),
        ("0 0.1 0.1 -0.3 0.1 0.3 0.4", "coordinates outside the image: they must be from 0 to 1"),
        ("0 0.1 0.1 -30 0.1 0.3 0.4", "coordinates outside the image: they must be from 0 to 1"),
        ("0 0.1 0.1 1e999 0.1 0.3 0.4", "coordinates in pixels, where shares of the image (0 .. 1) belong"),
        ("0 nan 0.1 0.2 0.1 0.3 0.4", "something that is no number"),
        ("0 inf 0.1 0.2 0.1 0.3 0.4", "something that is no number"),
        ("0 0,1 0,1 0,2 0,1 0,3 0,4", "something that is no number"),
        ("0 0_1 0.1 0.2 0.1 0.3 0.4", "something that is no number"),
        ("0 \u0660.\u0661 0.1 0.2 0.1 0.3 0.4", "something that is no number"),
        (f"cat {SQUARE}", "something that is no number"),
        (f"-1 {SQUARE}", "a class id that is no whole number from 0 on"),
        (f"0.5 {SQUARE}", "a class id that is no whole number from 0 on"),
        (f"1e400 {SQUARE}", "a class id that is no whole number from 0 on"),
        (f"{'9' * 5000} {SQUARE}", "a class id that is no whole number from 0 on"),
    ],
)
def test_lines_that_are_no_polygon_are_reported(tmp_path: Path, line: str, what: str) -> None:
    one(tmp_path, f"0 {SQUARE}\n{line}\n{line}\n")
    (sentence,) = told(tmp_path)
    assert sentence.startswith(f"line 2 of labels/a.txt: {what}")
    assert not examined(tmp_path).records


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    one(tmp_path, f"0 0.5 0.5 0.25 0.25\n7 {SQUARE}\n0 a\n0 0.5 0.5 0.2 0.2\n300 {SQUARE}\n")
    sentences = told(tmp_path)
    assert len(sentences) == 3
    assert sentences[0].startswith("line 1 of labels/a.txt: a box")
    assert sentences[1].startswith("line 2 of labels/a.txt: class ids that data.yaml does not name: 7, 300. ")
    assert sentences[2].startswith("line 3 of labels/a.txt: something that is no number")


def test_a_small_overshoot_is_moved_to_the_border_with_a_warning(tmp_path: Path) -> None:
    one(tmp_path, "0 -0.01 0 0.125 0 0.125 1.004 -0.01 1.004")
    overshot = rows(tmp_path)
    assert told(tmp_path, warning=True)[0].startswith("line 1 of labels/a.txt: points a little outside 0 .. 1, which were moved")
    one(tmp_path, "0 0 0 0.125 0 0.125 1 0 1")
    assert rows(tmp_path) == overshot == ["11000000"] * 4
    assert not told(tmp_path, warning=True)


def test_polygons_without_area_are_reported(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}\n0 0.5 0.5 0.5 0.5 0.5 0.5\n0 0.125 0.25 0.25 0.25 0.375 0.25")
    assert told(tmp_path, warning=True) == [
        "line 2 of labels/a.txt: a polygon with no area. Export the labels again as YOLO segmentation."
    ]


def test_text_in_another_encoding_is_reported(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}".encode("utf-16"))
    assert told(tmp_path)[0].startswith("labels/a.txt: a label file that is no text. ")


def test_label_files_and_images_that_do_not_pair_are_reported(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}")
    text(tmp_path / "labels/gone.txt", "")
    text(tmp_path / "images/a.txt", "")
    text(tmp_path / "README.txt", "read me")
    assert told(tmp_path) == [
        "images/a.txt and labels/a.txt: two label files for one image, images/a.png. Keep one of them.",
        "labels/gone.txt: a label file without an image. Add its image, or remove it.",
    ]
    (tmp_path / "images/a.txt").unlink()
    picture(tmp_path / "images/a.jpg")
    assert any(sentence.startswith("images/a.jpg and images/a.png: images of the same name") for sentence in told(tmp_path))


def test_pictures_beside_the_folders_of_images_do_not_count(tmp_path: Path) -> None:
    one(tmp_path, f"0 {SQUARE}")
    picture(tmp_path / "results.png")
    assert rows(tmp_path) == FILLED


def test_init_finds_classes_in_their_order_and_writes_them(tmp_path: Path) -> None:
    picture(tmp_path / "train/images/a.png")
    text(tmp_path / "train/labels/a.txt", f"0 {SQUARE}")
    picture(tmp_path / "valid/images/b.png")
    text(tmp_path / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: [zebra, ant]\n")
    seen = inspect_folder(tmp_path, data_params(tmp_path, "masks"))
    assert not seen.problems
    assert list(summary.lines(seen, "error")) == [
        f"{tmp_path}: yolo",
        "  images   2, 1 without a label file",
        "           valid/images/b.png: `dvc repro` stops at them, since data.unannotated is error "
        "(skip: they are left out, background: they count as images without objects)",
        "  sizes    8 x 4",
        "  pixels   RGB of 8 bits (2)",
        "  classes  3, from YOLO's names: background, zebra (in 1); in no image: ant",
        "  split    given: train 1, val 1",
    ]
    assert data_settings(seen, "data/source") == {
        "data.source": "yolo",
        "data.path": "data/source",
        "data.yolo.classes": ("background", "zebra", "ant"),
    }


def test_init_names_classes_that_no_file_names(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    text(tmp_path / "labels/a.txt", f"2 {SQUARE}\n0 {SQUARE}")
    seen = inspect_folder(tmp_path, data_params(tmp_path, "masks"))
    assert seen.classes.names == ("background", "class_0", "class_1", "class_2")
    assert rows(tmp_path, classes=list(seen.classes.names))[1] == "01110000"


def test_a_data_set_of_boxes_is_recognised_and_refused(tmp_path: Path) -> None:
    one(tmp_path, "0 0.5 0.5 0.25 0.25")
    (problem,) = inspect_folder(tmp_path, data_params(tmp_path, "masks")).problems
    assert problem.problem.startswith("a box (five numbers)")


def test_a_few_broken_files_do_not_hide_the_format(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"images/{name}.png")
        text(tmp_path / f"labels/{name}.txt", f"0 {SQUARE}")
    text(tmp_path / "labels/a.txt", "a cat")
    assert recognise(tmp_path).kind == "yolo"
    one(tmp_path / "x", "a cat")
    assert recognise(tmp_path / "x").kind == "yolo"


def test_other_text_beside_images_is_not_yolo(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "a photo of a cat")
    with pytest.raises(PipelineError, match="no annotated images in it"):
        recognise(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    text(tmp_path / "data.yaml", NAMES)
    with pytest.raises(PipelineError, match="no annotated images in it"):
        examined(tmp_path)


WORDS = st.sampled_from(["0", "1", "0.5", "0.25", "1.01", "-1", "nan", "1e999", "x", "é", "\x00", "640", "9" * 400])
LINES = st.lists(st.lists(WORDS, max_size=9).map(" ".join) | st.just(f"0 {SQUARE}"), max_size=4).map("\n".join).map(str.encode)
YAML = st.recursive(
    WORDS | st.sampled_from(["cat", "dog", "images", "..", "/", "&a", "*a", "!!python/name:os.system", "{", "<<"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(inner, max_size=2).map(lambda parts: "{" + ", ".join(f"{part}: {part}" for part in parts) + "}")
    ),
    max_leaves=5,
)
FILES = st.dictionaries(st.sampled_from(["names", "nc", "path", "train", "val", "test"]), YAML, max_size=5).map(
    lambda content: "".join(f"{key}: {value}\n" for key, value in content.items()).encode()
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(LINES | st.binary(max_size=40), FILES | st.just(NAMES.encode()) | st.binary(max_size=40))
def test_any_files_end_in_masks_or_in_sentences(tmp_path_factory: pytest.TempPathFactory, label: bytes, yaml: bytes) -> None:
    root = tmp_path_factory.mktemp("any")
    one(root, label, yaml)
    for look_first in (True, False):
        try:
            found = inspect_folder(root, data_params(root, "masks")) if look_first else examined(root)
            assert all("\n" not in str(problem) for problem in found.problems)
        except PipelineError as error:
            assert str(error)


def test_a_blank_line_in_a_list_of_names_is_a_question(tmp_path: Path) -> None:
    one(tmp_path, f"1 {SQUARE}\n")
    (tmp_path / "data.yaml").unlink()
    text(tmp_path / "classes.txt", "cat\n\ndog\n")
    problem = next(each for each in examined(tmp_path).problems if not each.warning)
    assert str(problem).startswith("classes.txt: a blank line above other names (line 2), and a name's place is its id.")
