"""Labels that no list names, those spelt otherwise, and lines of data.class_map that map nothing."""

import pytest

from segpipe.annotations.class_map import class_ids
from segpipe.annotations.items import AnnotationSummary, Item
from segpipe.annotations.labels import similar_names, unknown_labels, unused_mappings
from segpipe.errors import Fix
from segpipe.storage.byte_source import InMemory
from tests.annotations.records import record

KEY = "data.labelme.classes"


def seen(*labels: str) -> AnnotationSummary:
    return AnnotationSummary(Item("a", "a.jpg", InMemory(b""), InMemory(b""), annotation_name="a.json"), labels)


@pytest.mark.parametrize(
    ("label", "class_map", "fix"),
    [
        ("bird", {}, Fix(KEY, "bird", adds=True)),
        ("Stop sign", {}, Fix("data.class_map", ("Stop sign", "stop-sign"), adds=True)),
        ("STOP_SIGN", {"stop-sign": "sign"}, Fix("data.class_map", ("STOP_SIGN", "sign"), adds=True)),
        ("stop sign", {"stop-sign": "__drop__"}, Fix("data.class_map", ("stop sign", "__drop__"), adds=True)),
        ("stop sign", {"stop-sign": "__ignore__"}, Fix("data.class_map", ("stop sign", "__ignore__"), adds=True)),
        ("Background", {}, Fix("data.class_map", ("Background", "background"), adds=True)),
        ("IGNORE", {}, Fix("data.class_map", ("IGNORE", "__ignore__"), adds=True)),
        ("cafe\u0301", {}, Fix("data.class_map", ("cafe\u0301", "caf\u00e9"), adds=True)),
    ],
)
def test_the_line_maps_what_is_only_spelt_otherwise(label: str, class_map: dict[str, str], fix: Fix) -> None:
    ids = class_ids(("background", "stop-sign", "caf\u00e9"), class_map)
    (problem,) = unknown_labels([seen(label, "stop-sign")], ids, KEY)
    assert problem.fixes == (fix,)
    mended = class_ids(("background", "stop-sign", "caf\u00e9"), class_map | dict([fix.value])) if len(fix.value) == 2 else None
    assert mended is None or not unknown_labels([seen(label)], mended, KEY)


def test_background_in_another_spelling_is_no_object() -> None:
    ids = class_ids(("background", "cat"), {})
    (problem,) = unknown_labels([seen("BG", "cat")], ids, KEY)
    assert problem.fixes == (Fix("data.class_map", ("BG", "background"), adds=True),)
    (other,) = unknown_labels([seen("BG", "sky")], class_ids(("sky", "road"), {}), KEY)
    assert other.fixes == (Fix(KEY, "BG", adds=True),)


def test_the_more_frequent_spelling_stays_and_background_always() -> None:
    records = [record(pixels=(0, 10, 0, 90)), record(pixels=(0, 10, 0, 90)), record(pixels=(0, 0, 10, 90))]
    problems = similar_names(records, ("background", "Cat", "cat", "Background"))
    assert [(each.file, each.fixes) for each in problems] == [
        ("class Background", (Fix("data.class_map", ("Background", "background"), adds=True),)),
        ("class cat", (Fix("data.class_map", ("cat", "Cat"), adds=True),)),
    ]
    assert all(each.warning for each in problems)
    assert similar_names(records, ("background", "cat", "dog", "cats")) == []
    assert similar_names(records, ("background", "A", "a", "-")) == []


def test_a_line_that_maps_nothing_is_reported() -> None:
    class_map = {"kat": "cat", "dog": "cat", "cow": "__drop__"}
    (problem,) = unused_mappings([seen("cow")], class_map, ("background", "dog"))
    assert str(problem) == (
        'data.class_map: maps "kat", but no class and no label is called so. Correct its spelling, or take it out.'
    )
    assert problem.warning
