"""What classes are called: by a list, by labels, by ids, and when the ids of masks are believed."""

from pathlib import Path

import pytest

from segpipe.annotations.class_names import Classes, NameList, read_list
from segpipe.annotations.detect.infer_classes import VOC, classes_from_ids, classes_from_labels
from segpipe.errors import PipelineError

CAMVID = NameList("classes.txt", ("sky", "road", "unlabelled"))


def sentences(found: list[int], listed: NameList | None = None) -> list[str]:
    return [str(problem) for problem in classes_from_ids(found, listed, is_voc=False).problems]


def test_a_list_has_a_name_a_line(tmp_path: Path) -> None:
    assert read_list(tmp_path) is None
    (tmp_path / "labels.txt").write_text("\ufeff__ignore__\r\n_background_\r\n\r\n potted plant \r\nÄpfel\r\n", encoding="utf-8")
    assert read_list(tmp_path) == NameList("labels.txt", ("_background_", "potted plant", "Äpfel"), blank=(3,))
    (tmp_path / "classes.txt").write_text("sky\nroad")
    assert read_list(tmp_path) == NameList("classes.txt", ("sky", "road"))


def test_a_file_that_is_no_list_of_classes_is_refused(tmp_path: Path) -> None:
    remedy = "Write 2 to 255 class names, a line each, or rename the file if it is another list."
    path = tmp_path / "classes.txt"
    for text, what in (
        ("cat\ndog\ncat\n", "names cat twice"),
        ("", "holds 0 names"),
        ("\n".join(map(str, range(300))), "holds 300 names"),
    ):
        path.write_text(text)
        with pytest.raises(PipelineError) as caught:
            read_list(tmp_path)
        assert str(caught.value) == f"{path}: {what}. {remedy}"
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(PipelineError) as latin:
        read_list(tmp_path)
    assert str(latin.value) == f"{path}: not UTF-8 text. Save it as UTF-8, a class name a line."


def test_labels_without_a_list_are_sorted_after_background() -> None:
    classes = classes_from_labels(["dog", "__ignore__", "cat", "ignore"], None)
    assert (classes.names, classes.origin, classes.problems) == (("background", "cat", "dog"), "the labels found", ())
    assert classes_from_labels(["dog", "_background_"], None).names == ("_background_", "dog")


def test_labels_keep_the_order_of_their_list() -> None:
    listed = NameList("labels.txt", ("_background_", "dog", "cat", "cow"))
    classes = classes_from_labels(["cat", "background", "dog"], listed)
    assert (classes.names, classes.origin, classes.problems) == (("_background_", "dog", "cat", "cow"), "labels.txt", ())
    assert classes_from_labels(["cat"], NameList("labels.txt", ("cat", "background"))).names == ("background", "cat")
    assert classes_from_labels(["cat"], NameList("labels.txt", ("cat",))).names == ("background", "cat")


def test_labels_that_the_list_lacks_are_reported() -> None:
    (problem,) = classes_from_labels(["cat", "dgo", "dog", "cow"], NameList("labels.txt", ("dog",))).problems
    assert str(problem) == "labels.txt: does not list the labels cat, cow, dgo. Add them, or correct them in labelme."


def test_without_any_label_there_is_nothing_to_learn() -> None:
    (problem,) = classes_from_labels(["background", "__ignore__"], None).problems
    assert str(problem) == "all JSON files: no label but background in them. Annotate objects in labelme."


def test_ids_are_named_by_the_list() -> None:
    classes = classes_from_ids([0, 1, 255], NameList("classes.txt", ("sky", "road", "car")), is_voc=False)
    assert (classes.names, classes.ignore_index, classes.problems) == (("sky", "road", "car"), 255, ())


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled", "void", "Void", "ignore", "__ignore__"])
def test_a_last_name_that_means_no_class_is_ignored(name: str) -> None:
    classes = classes_from_ids([0, 1, 2], NameList("classes.txt", ("sky", "road", name)), is_voc=False)
    assert (classes.names, classes.ignore_index, classes.problems) == (("sky", "road"), 2, ())


def test_a_last_name_that_means_no_class_may_stand_for_255() -> None:
    assert classes_from_ids([0, 1, 255], CAMVID, is_voc=False).ignore_index == 255
    assert classes_from_ids([0, 1], CAMVID, is_voc=False).ignore_index == 2
    assert sentences([0, 1, 2, 255], CAMVID) == [
        "classes.txt: names 2 classes, but the masks hold 255 too. "
        "Name every id from 0 to 255, a line each, or correct the masks."
    ]


@pytest.mark.parametrize(
    ("found", "names", "expected", "ignored"),
    [
        ([0, 1, 2], "cat dog", "background cat dog", 255),
        ([0, 2, 255], "cat dog", "background cat dog", 255),
        ([0, 1, 2, 3], "cat dog void", "background cat dog", 3),
        ([0, 1], "cat dog", "cat dog", 255),
        ([1, 2], "cat dog", "cat dog", 255),
        ([0, 1, 2], "BG dog", "BG dog", 255),
    ],
)
def test_a_list_of_objects_alone_gets_background_before_them(found: list[int], names: str, expected: str, ignored: int) -> None:
    classes = classes_from_ids(found, NameList("classes.txt", tuple(names.split())), is_voc=False)
    assert (classes.names, classes.ignore_index) == (tuple(expected.split()), ignored)


def test_a_blank_line_among_ids_is_a_question(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("background\ncat\n\ndog\n\n")
    listed = read_list(tmp_path)
    assert listed == NameList("classes.txt", ("background", "cat", "dog"), blank=(3,))
    assert sentences([0, 1, 2], listed) == [
        "classes.txt: a blank line above other names (line 3), and a name's place is its id. "
        "Name the class that the line stands for, or take the line out."
    ]
    assert classes_from_labels(["cat", "dog"], listed).problems == (), "labels are called by their names"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("sky void road", "sky __ignore__ road"),
        ("sky ignore unlabelled road", "sky __ignore__ __ignore__ road"),
        ("unlabeled sky road", "unlabeled sky road"),
    ],
)
def test_a_name_for_no_class_in_the_middle_keeps_its_place(names: str, expected: str) -> None:
    classes = classes_from_ids([0, 1, 2], NameList("classes.txt", tuple(names.split())), is_voc=False)
    assert (classes.names, classes.ignore_index) == (tuple(expected.split()), 255)


def test_ids_without_a_list_get_names_by_number() -> None:
    classes = classes_from_ids([0, 1, 3, 255], None, is_voc=False)
    assert (classes.names, classes.ignore_index) == (("background", "class_1", "class_2", "class_3"), 255)
    assert classes.origin == "the ids found, since no classes.txt names them"


def test_voc_has_names_of_its_own() -> None:
    assert classes_from_ids([0, 5, 20, 255], None, is_voc=True).names == tuple(VOC)
    assert classes_from_ids([0, 5, 21], None, is_voc=True).names[1] == "class_1", "more ids than VOC has names"
    assert classes_from_ids([0, 1], NameList("classes.txt", ("sound", "crack")), is_voc=True).names == ("sound", "crack")


def test_black_and_white_masks_are_reported_from_classes() -> None:
    sentence = (
        "all masks: only the values 0 and 255 in them, as in a picture in black and white. "
        "Save the object's pixels as 1: 255 means a pixel that is not looked at."
    )
    assert sentences([0, 255]) == [sentence]
    assert sentences([0, 255], NameList("classes.txt", ("background", "object"))) == [sentence]


@pytest.mark.parametrize("found", [[], [0], [255]])
def test_masks_without_objects_are_reported(found: list[int]) -> None:
    assert sentences(found) == [
        "all masks: only class 0 in them, so there is nothing to learn. Annotate objects, or check that the masks hold class ids."
    ]


def test_ids_that_the_list_does_not_name_are_reported() -> None:
    assert sentences([0, 1, 5, 255], NameList("classes.txt", ("a", "b"))) == [
        "classes.txt: names 2 classes, but the masks hold 5 too. Name every id from 0 to 5, a line each, or correct the masks."
    ]


@pytest.mark.parametrize("found", [[0, 128], [0, 127, 255], [0, 50, 100, 150], list(range(256)), [0, 1, 300]])
def test_gray_values_are_not_believed_to_be_classes(found: list[int]) -> None:
    (sentence,) = sentences(found)
    assert sentence.startswith(f"all masks: the values {found[0]}, {found[1]}")
    assert "which hardly are class ids. Save each pixel as the id of its class, 0, 1, 2 and so on, " in sentence


def test_there_are_two_names_at_least_and_no_crowd_of_invented_ones() -> None:
    """What is wrong is told by examining the files, and that takes parameters that load."""
    polyp = NameList("classes.txt", ("polyp",))
    assert classes_from_ids([0, 1], polyp, is_voc=False) == Classes(
        ("background", "polyp"), 255, "classes.txt, and background for 0, which it does not name"
    )
    for found in ([], [0], [0, 300], [255], list(range(200))):
        classes = classes_from_ids(found, None, is_voc=False)
        assert (classes.names, len(classes.problems)) == (("background", "object"), 1)
    assert classes_from_labels([], None).names == ("background", "object")


@pytest.mark.parametrize("found", [[0, 1], [1, 2], [0, 8], list(range(34)), [0, *range(7, 34)]])
def test_ids_with_few_gaps_are_believed(found: list[int]) -> None:
    assert sentences(found) == []
