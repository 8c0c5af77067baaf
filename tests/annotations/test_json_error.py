"""Where JSON breaks, in lines and columns of the text as a person sees it."""

import json

import pytest

from segpipe.annotations import json_error

TEXT = '{"shapes": [\n  {"label": "Löwe"},\n  {"label": "猫", "points": }\n]}'


def problem(content: bytes) -> str:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        return str(json_error.problem(error, content, "a.json", "Mend it."))
    raise AssertionError("it is sound")


def test_the_line_and_the_column_are_reported() -> None:
    where = "line 3, column 28 of a.json: a JSON file that is broken (Expecting value). Mend it."
    assert problem(TEXT.encode()) == where
    assert TEXT.split("\n")[2][27] == "}"
    assert problem(b"\xef\xbb\xbf" + TEXT.encode()) == where


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_place_in_bytes_becomes_one_in_text(start: bytes) -> None:
    content = start + TEXT.encode()
    raised = json.JSONDecodeError("Expecting value", content.decode("latin-1"), content.index(b"}\n]"))
    assert str(json_error.problem(json_error.in_bytes(raised, content), content, "a.json", "Mend it.")).startswith(
        "line 3, column 28 of a.json: "
    )
    first = json.JSONDecodeError("Expecting value", content.decode("latin-1"), len(start) + 1)
    assert json_error.in_bytes(first, content).colno == 2


def test_the_line_of_another_encoding_is_reported() -> None:
    expected = "line 2 of a.json: a JSON file that is not in UTF-8. Save it as UTF-8 in a text editor."
    assert problem('{"shapes": [\n  {"label": "Löwe"}]}'.encode("latin-1")) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b" \n", "an empty file"),
        (b"[" * 10**5, "nested too deeply"),
        (b"9" * 5000, "a number of too many digits"),
    ],
)
def test_what_has_no_place_has_none(content: bytes, reason: str) -> None:
    assert problem(content) == f"a.json: a JSON file that is broken ({reason}). Mend it."
