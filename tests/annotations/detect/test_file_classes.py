"""Classes of masks that are a file each."""

from segpipe.annotations.class_names import NameList
from segpipe.annotations.detect.file_classes import of_files


def test_background_comes_first_and_a_list_gives_the_order() -> None:
    assert of_files(("cat", "dog"), None, "the names").names == ("background", "cat", "dog")
    listed = of_files(("cat", "dog"), NameList("classes.txt", ("_background_", "dog", "cow", "cat", "void")), "the names")
    assert (listed.names, listed.origin, listed.values) == (("_background_", "dog", "cow", "cat"), "classes.txt", "binary")
    assert listed.problems == ()


def test_a_list_that_lacks_a_class_is_told() -> None:
    found = of_files(("cat", "dog"), NameList("labels.txt", ("dog",)), "the names")
    assert found.names == ("background", "dog", "cat")
    assert list(map(str, found.problems)) == [
        "labels.txt: does not list cat, of which there are masks. Add them, or rename the masks."
    ]
