"""Groups: by table, name and near-duplicates, joined over any number of steps; patterns that will not do are told."""

import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.dataset.split import groups
from segpipe.dataset.split.groups import counted_as_one, groups_of, matched
from segpipe.errors import PipelineError
from tests.dataset.indexes import split_params, table

ROWS = dict.fromkeys("abcdef", (1,))


def test_alone_each_image_is_its_own_group() -> None:
    assert groups_of(table(ROWS), split_params()) == {name: name for name in ROWS}


def test_a_table_joins_and_an_empty_cell_does_not() -> None:
    index = table(ROWS, group={"a": "p1", "c": "p1", "d": "p2"})
    assert groups_of(index, split_params()) == {"a": "a", "b": "b", "c": "a", "d": "d", "e": "e", "f": "f"}


def test_names_join_by_what_the_brackets_match() -> None:
    index = table(dict.fromkeys(("p1_a", "p1_b", "p2_a", "lone"), (1,)))
    assert groups_of(index, split_params(group="name")) == {"p1_a": "p1_a", "p1_b": "p1_a", "p2_a": "p2_a", "lone": "lone"}


def test_twins_join_groups_over_any_number_of_steps() -> None:
    index = table(ROWS, group={"a": "p", "b": "p", "c": "q", "d": "q"}, twin={"b": "t", "c": "t", "e": "u", "f": "u"})
    joined = groups_of(index, split_params())
    assert joined == dict.fromkeys("abcd", "a") | dict.fromkeys("ef", "e")
    apart = groups_of(index, split_params(join_duplicates=False))
    assert (apart["c"], apart["f"]) == ("c", "f")


def test_scores_count_as_one_what_names_tables_and_near_duplicates_join() -> None:
    index = table(
        dict.fromkeys(("p1_a", "p1_b", "p2_a", "lone", "copy", "other"), (1,)),
        group={"p2_a": "x", "other": "x"},
        twin={"lone": "t", "copy": "t"},
    )
    wanted = {"p1_a": "p1_a", "p1_b": "p1_a", "other": "other", "p2_a": "other", "copy": "copy", "lone": "copy"}
    for joined in (True, False):
        assert counted_as_one(index, split_params(group="name", join_duplicates=joined)) == wanted
    # A table's group of a single image is none.
    assert counted_as_one(table(ROWS, group={"a": "p"}), split_params()) == {}


KIN = st.tuples(st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "1", "2", "3"]))


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), KIN, min_size=1))
def test_groups_are_the_connected_components(kin: dict[str, tuple[str, str]]) -> None:
    """Against an oracle that spreads over the images until nothing changes."""
    index = table(dict.fromkeys(kin, (1,)), group={k: g for k, (g, _) in kin.items()}, twin={k: t for k, (_, t) in kin.items()})
    if not any(group for group, _ in kin.values()):
        return
    found = groups_of(index, split_params())
    for item, (group, twin) in kin.items():
        component, before = {item}, set[str]()
        while component != before:
            before = set(component)
            component |= {
                other
                for other, (g, t) in kin.items()
                if any((g and g == kin[member][0]) or (t and t == kin[member][1]) for member in before)
            }
        assert found[item] == min(component), (group, twin)


def test_images_without_a_group_are_groups_of_their_own() -> None:
    assert groups_of(table(ROWS), split_params()) == {item: item for item in ROWS}


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(", "is no regular expression"),
        ("^a", "has 0 pairs of brackets"),
        ("^(a)(b)", "has 2 pairs of brackets"),
        ("^(x+)_", "matches no image's name, such as 'p1_a'"),
        ("(" * 5000 + ")" * 5000, "split.group_pattern"),
        ("(a{99999999999999})", "is no regular expression"),
        ("()", "matches no image's name"),
    ],
)
def test_a_pattern_that_will_not_do_is_told(pattern: str, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        matched(pattern, ["p1_a", "p2_b"])
    assert told in str(caught.value) and str(caught.value).startswith("split.group_pattern: ")


def test_brackets_that_take_no_part_match_nothing() -> None:
    assert matched("^(?:p(.)|q)", ["p1", "q", "r"]) == {"p1": "1"}


def test_a_pattern_that_would_run_for_years_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "PATIENCE", 0.2)
    start = time.perf_counter()
    with pytest.raises(PipelineError, match="without a repeat inside a repeat"):
        matched("^((?:a+)+)$", ["a" * 60 + "!"])
    assert time.perf_counter() - start < 5


def test_without_signals_a_process_of_its_own_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, and in a thread anywhere."""
    ids = ["p1_a", "p1_b", "p2_\u00e4", "x", "p\u6f22_c"]
    here = matched("^(p.)_", ids)
    monkeypatch.delattr(signal, "setitimer")
    monkeypatch.delattr(signal, "SIGALRM")
    assert matched("^(p.)_", ids) == here == {"p1_a": "p1", "p1_b": "p1", "p2_\u00e4": "p2", "p\u6f22_c": "p\u6f22"}
    monkeypatch.setattr(groups, "PATIENCE", 0.5)
    with pytest.raises(PipelineError, match="without a repeat inside a repeat"):
        matched("^((?:a+)+)$", ["a" * 60 + "!"])
