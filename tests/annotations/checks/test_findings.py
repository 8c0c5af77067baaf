"""All problems in one message: the same ones together, with their number and the first files."""

import pytest

from segpipe.annotations.checks.findings import findings, refuse
from segpipe.errors import DataError, PipelineError


def told(*problems: DataError) -> str:
    with pytest.raises(PipelineError) as caught:
        refuse(problems)
    return str(caught.value)


def test_without_a_problem_nothing_happens() -> None:
    refuse([])


def test_one_problem_is_one_sentence_and_a_count() -> None:
    assert told(DataError("a.png", "damaged", "Copy it again.")) == (
        "a.png: damaged. Copy it again.\n1 kind of problem; nothing was converted."
    )


def test_the_same_problem_of_several_files_is_reported_once() -> None:
    problems = [DataError(name, "damaged", "Copy it again.") for name in ("b", "a")]
    assert told(*problems, DataError("c", "empty", "Remove it."), DataError("d", "damaged", "Throw it away.")) == (
        "2 files: damaged. Copy it again.\n"
        "  a, b\n"
        "d: damaged. Throw it away.\n"
        "c: empty. Remove it.\n"
        "3 kinds of problem; nothing was converted."
    )


def test_only_the_first_ten_files_are_named() -> None:
    message = told(*(DataError(f"{number:02}", "damaged", "Copy it.") for number in reversed(range(13))))
    assert message.splitlines()[:2] == ["13 files: damaged. Copy it.", "  00, 01, 02, 03, 04, 05, 06, 07, 08, 09 and 3 more"]
    ten = told(*(DataError(f"{number}", "damaged", "Copy it.") for number in range(10)))
    assert ten.splitlines()[1] == "  0, 1, 2, 3, 4, 5, 6, 7, 8, 9"


def test_classes_and_pairs_are_called_so() -> None:
    for names, word in ((("class a", "class b"), "classes"), (("a = b", "a = c"), "pairs"), (("class a", "b"), "files")):
        assert told(*(DataError(name, "rare", "Look.") for name in names)).startswith(f"2 {word}: rare. Look.")


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["shape 1 of a.json", "shape 12 of b.json"], "shapes"),
        (["annotation 5 of a.png", "annotation number 2 of b.png"], "annotations"),
        (["line 3 of labels/a.txt", "line 1, column 7 of b.json"], "lines"),
        (["pairs.csv, line 2", "pairs.csv, line 3"], "lines"),
        (["outline 1.json", "outline 2.json"], "files"),
        (["a shape 1 of 2.json", "a shape 2 of 2.json"], "files"),
        (["shape 1 of a.json", "b.json"], "files"),
    ],
)
def test_what_is_counted_is_called_what_it_is(names: list[str], word: str) -> None:
    (found,) = findings([DataError(name, "wrong", "Mend it.") for name in names])
    assert str(found).startswith(f"2 {word}: wrong. Mend it.")
