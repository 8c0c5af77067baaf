"""Classes of masks that are a file each."""

from segpipe.annotations.class_names import NameList
from segpipe.annotations.detect.file_classes import classes_from_file_names


def test_background_comes_first_and_a_list_gives_the_order() -> None:
    assert classes_from_file_names(("cat", "dog"), None, "the names").names == ("background", "cat", "dog")
    listed = classes_from_file_names(
        ("cat", "dog"), NameList("classes.txt", ("_background_", "dog", "cow", "cat", "void")), "the names"
    )
    assert (listed.names, listed.origin, listed.values) == (("_background_", "dog", "cow", "cat"), "classes.txt", "binary")
    assert listed.problems == ()


def test_a_list_that_lacks_a_class_is_reported() -> None:
    found = classes_from_file_names(("cat", "dog"), NameList("labels.txt", ("dog",)), "the names")
    assert found.names == ("background", "dog", "cat")
    assert list(map(str, found.problems)) == [
        "labels.txt: does not list cat, of which there are masks. Add them, or rename the masks."
    ]
