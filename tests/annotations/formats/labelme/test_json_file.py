"""The frame of labelme's JSON: what is read, and the sentence for what is not."""

import json
import re
from typing import Any

import pytest

from segpipe.annotations.formats.labelme.json_file import read_json, short
from segpipe.errors import DataError


def refusal(content: bytes | str) -> str:
    with pytest.raises(DataError) as caught:
        read_json(content.encode() if isinstance(content, str) else content, "a.json")
    return str(caught.value)


def test_a_byte_order_mark_and_other_unicode_are_read() -> None:
    expected = {"shapes": [], "imagePath": "é.png"}
    text = json.dumps(expected, ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert read_json(text.encode(encoding), "a.json") == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "an empty file"),
        (" \n", "an empty file"),
        ("{", "Expecting property name enclosed in double quotes"),
        ('{"shapes": [}', "Expecting value"),
        ('{"shapes": [], "imagePath": "pho', "Unterminated string starting at"),
        ('{"shapes": []', "Expecting ',' delimiter"),
        ('{"shapes": []} {}', "Extra data"),
        ("[" * 100_000, "nested too deeply"),
        ('{"shapes": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"shapes": [], "a": ' + "9" * 5000 + "}", "a number of too many digits"),
        ('{"shapes": [], "imagePath": "a\nb"}', "Invalid control character at"),
        (b"\0\5\26\7", None),
        (b"PK\3\4", None),
    ],
)
def test_broken_json_is_reported(content: str | bytes, reason: str | None) -> None:
    sentence = refusal(content)
    assert re.match(r"(line \d+, column \d+ of )?a\.json: a JSON file that is broken \(", sentence)
    assert f"broken ({reason or ''}" in sentence
    assert sentence.endswith("). Save it again in labelme, or remove it.")


@pytest.mark.parametrize("encoding", ["latin-1", "gbk"])
def test_text_of_another_encoding_is_reported(encoding: str) -> None:
    text = '{"shapes": [{"label": "%s", "points": []}]}' % ("狗在这里" if encoding == "gbk" else "Löwe")
    assert (
        refusal(text.encode(encoding)) == "line 1 of a.json: a JSON file that is not in UTF-8. Save it as UTF-8 in a text editor."
    )


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        5,
        None,
        "shapes",
        {"shapes": None},
        {"shapes": {}},
        {"shapes": {"label": "cat"}},
        {"shapes": [1]},
        {"shapes": [{}, None]},
        {"images": [], "annotations": [], "categories": []},
        {"type": "FeatureCollection", "features": []},
    ],
)
def test_json_of_another_kind_is_reported(content: Any) -> None:
    assert refusal(json.dumps(content)) == (
        "a.json: a JSON file that is not labelme's (it has no list of shapes). Move it out of the folder."
    )


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('{"shapes": [], "shapes": []}', "shapes"),
        ('{"shapes": [{"label": "cat", "points": [], "label": "dog"}]}', "label"),
        ('{"shapes": [], "flags": {"a": true, "a": false}}', "a"),
    ],
)
def test_a_key_that_stands_twice_is_reported(content: str, key: str) -> None:
    remedy = "Keep one of the two; a merge of two versions may have left both."
    assert refusal(content) == f'a.json: a JSON file that says "{key}" twice in one place. {remedy}'


def test_the_same_key_in_two_places_is_no_fault() -> None:
    content = '{"shapes": [{"label": "a", "flags": {}}, {"label": "b", "flags": {}}], "flags": {}}'
    assert len(read_json(content.encode(), "a.json")["shapes"]) == 2


def test_a_long_value_is_cut_in_sentences() -> None:
    assert short("a" * 60) == "a" * 60
    assert short("a" * 61) == "a" * 57 + "..."
    assert [short(value) for value in (None, True, 2, 0.5, [1], {})] == ["null", "true", "2", "0.5", "list", "dict"]
