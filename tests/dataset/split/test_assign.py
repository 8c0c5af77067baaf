"""Who goes where: whole groups, given lists, shares, and no old image that ever moves."""

from collections import Counter, defaultdict
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.dataset.split import folds
from segpipe.dataset.split.assign import Assignment
from segpipe.dataset.split.folds import TEST
from segpipe.dataset.split.kept_folds import hash_of
from segpipe.errors import PipelineError
from tests.dataset.indexes import split, table


def images(number: int, rare_every: int = 10) -> dict[str, tuple[int, ...]]:
    return {f"i{k:03d}": (5, 1, 1 if k % rare_every == 0 else 0) for k in range(number)}


def counts(assignment: Assignment) -> dict[str, int]:
    return dict(Counter(assignment.parts.values()))


@st.composite
def data_sets(draw: st.DrawFn) -> pd.DataFrame:
    """Images with up to three classes and some kin; enough groups for what the tests ask."""
    number = draw(st.integers(14, 40))
    rows = {f"i{k}": draw(st.tuples(*[st.integers(0, 50)] * 3)) for k in range(number)}
    kin = {f"i{k}": str(draw(st.integers(0, 9))) for k in range(number - 12) if draw(st.booleans())}
    twin = {f"i{k}": f"t{draw(st.integers(0, 5))}" for k in range(number - 12) if draw(st.integers(0, 3)) == 0}
    return table(rows, group={"i0": "0"} | kin, twin=twin)


def test_shares_are_as_asked_for() -> None:
    assert counts(split(table(images(100)))) == {"test": 20} | {str(fold): 16 for fold in range(5)}


def test_a_rare_class_is_in_every_part() -> None:
    rows = images(100)
    parts = split(table(rows), n_folds=4).parts
    assert Counter(parts[item] for item, held in rows.items() if held[2]) == dict.fromkeys(("test", *"0123"), 2)


def test_a_validation_share_makes_one_fold() -> None:
    assert counts(split(table(images(100)), val_share=0.25)) == {"test": 20, "0": 20, "train": 60}


def test_no_test_share_makes_no_test_part() -> None:
    assert folds.test(split(table(images(10)), test_share=0.0).parts) == []


def test_another_seed_deals_otherwise() -> None:
    assert split(table(images(100)), seed=1).parts != split(table(images(100)), seed=2).parts


def test_other_folds_leave_the_test_part_as_it_is() -> None:
    index = table(images(60))
    others = [split(index, **keys) for keys in ({"n_folds": 3}, {"val_share": 0.3})]
    assert [folds.test(other.parts) for other in others] == [folds.test(split(index).parts)] * 2


@settings(max_examples=10, deadline=None)
@given(data_sets(), st.sampled_from([{}, {"n_folds": 3, "test_share": 0.0}, {"val_share": 0.2}]), st.randoms())
def test_every_image_is_in_one_part_and_every_group_too_in_any_order(
    index: pd.DataFrame, keys: dict[str, Any], random: Any
) -> None:
    found = split(index, **keys)
    assert sorted(found.parts) == sorted(index.index)
    lying: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item, part in found.parts.items():
        for column in ("group", "twin"):
            if index[column][item]:
                lying[column, index[column][item]].add(part)
    assert all(len(parts) == 1 for parts in lying.values())
    shuffled = list(index.index)
    random.shuffle(shuffled)
    assert split(index.loc[shuffled], **keys) == found


@settings(max_examples=10, deadline=None)
@given(data_sets(), st.lists(st.sets(st.integers(0, 39)), min_size=2, max_size=4), st.sampled_from([{}, {"val_share": 0.2}]))
def test_no_image_moves_whatever_is_added_and_taken_away(index: pd.DataFrame, away: list[set[int]], keys: dict[str, Any]) -> None:
    """Steps of a data set that grows and shrinks; groups are whole in each, as by then no new image joins two of them."""
    whole = split(index).groups
    kept: dict[str, str] = {}
    seen: dict[str, str] = {}
    for gone in [*away, set()]:
        hidden = {whole[f"i{k}"] for k in gone if k < len(index) - 12}
        now = index[[whole[item] not in hidden for item in index.index]]
        if not now["group"].any():
            continue
        found = split(now, kept, **keys)
        assert not found.moved
        assert {item: part for item, part in found.parts.items() if item in seen and seen[item] != part} == {}
        again = split(now, found.kept.parts, **keys)
        assert (again.parts, again.kept) == (found.parts, found.kept)
        kept, seen = found.kept.parts, seen | found.parts


def test_changed_pixels_move_no_image() -> None:
    first = split(table(images(50)))
    other = table({item: (9, 9 * number, 1) for number, item in enumerate(images(50))})
    assert split(other, first.kept.parts).parts == first.parts


def test_a_new_image_follows_its_group() -> None:
    rows = {f"p{k % 10}_{k}": (1,) for k in range(40)}
    first = split(table(rows), group="name")
    second = split(table(rows | {"p3_new": (1,)}), first.kept.parts, group="name")
    assert second.parts["p3_new"] == first.parts["p3_3"] and not second.moved


def test_new_images_mend_the_balance_that_old_ones_leave() -> None:
    lopsided = {hash_of(f"a{k}"): "0" for k in range(20)}
    rows = {f"{letter}{k}": (1, 0) for letter in "ab" for k in range(20)}
    second = split(table(rows), lopsided, test_share=0.0, n_folds=2)
    assert {second.parts[f"a{k}"] for k in range(20)} == {"0"} and {second.parts[f"b{k}"] for k in range(20)} == {"1"}


def test_groups_that_become_one_go_where_most_of_their_images_are() -> None:
    rows = {f"a{k}": (1,) for k in range(3)} | {f"b{k}": (1,) for k in range(2)} | {f"c{k}": (1,) for k in range(6)}
    kin = {f"a{k}": "a" for k in range(3)} | {f"b{k}": "b" for k in range(2)}
    kept = {hash_of(f"a{k}"): "1" for k in range(3)} | {hash_of(f"b{k}"): TEST for k in range(2)}
    found = split(table(rows | {"new": (1,)}, group=kin, twin={"new": "t", "a0": "t", "b1": "t"}), kept, n_folds=2)
    assert {found.parts[item] for item in (*kin, "new")} == {"1"}
    assert found.moved == {"b0": TEST, "b1": TEST}


def test_a_tie_goes_to_the_test_part() -> None:
    kept = {hash_of("a"): "0", hash_of("b"): TEST}
    found = split(table(dict.fromkeys("abcdef", (1,)), twin={"a": "t", "b": "t"}), kept, n_folds=2)
    assert found.parts["a"] == found.parts["b"] == TEST and found.moved == {"a": "0"}


def test_images_that_are_gone_are_remembered() -> None:
    first = split(table(images(30)))
    fewer = split(table(images(20)), first.kept.parts)
    assert fewer.kept == first.kept


def test_a_given_test_list_is_the_test_part_and_no_other_image_joins_it() -> None:
    found = split(table(images(50), given={"i003": "test", "i004": "test"}), test_share=0.5)
    assert folds.test(found.parts) == ["i003", "i004"]
    assert set(found.parts.values()) == {"test", "0", "1", "2", "3", "4"}
    assert hash_of("i003") not in found.kept.parts and hash_of("i005") in found.kept.parts


def test_a_given_validation_list_is_the_only_fold() -> None:
    found = split(table(images(10), given={"i001": "val", "i002": "val", "i003": "test", "i004": "train"}))
    assert folds.train_and_validation(found.parts, 0) == (["i000", *(f"i00{k}" for k in range(4, 10))], ["i001", "i002"])
    assert found.kept.parts == {} and found.shares == {}


def test_a_validation_list_alone_is_never_dealt_into_the_test_part() -> None:
    rows = {f"p{k % 20}_{k}": (1, 1) for k in range(60)}
    found = split(table(rows, given={f"p{k}_{k}": "val" for k in range(10)}), group="name")
    assert {found.parts[f"p{k}_{k}"] for k in range(10)} == {"0"}
    assert counts(found) == {"0": 10, "test": 12, "train": 38}
    assert not {found.groups[item] for item in folds.test(found.parts)} & {found.groups[f"p{k}_{k}"] for k in range(10)}


def test_lists_that_cut_a_group_are_kept() -> None:
    rows = {f"p{k % 8}_{k}": (1,) for k in range(32)}
    found = split(table(rows, given={"p0_0": "test", "p0_8": "test"}), group="name", n_folds=2)
    assert folds.test(found.parts) == ["p0_0", "p0_8"] and not found.moved
    assert found.parts["p0_16"] == found.parts["p0_24"] != TEST


@pytest.mark.parametrize(
    ("number", "keys", "told"),
    [
        (3, {"n_folds": 5}, "split.n_folds: 5 folds need as many images, but outside the test part there are 3. Write 2 or less"),
        (
            10,
            {"test_share": 0.9},
            "split.test_share: 0.9 leaves 1 of 10 images, but the rest needs 5. Write 0.5 or less, or",
        ),
        (
            10,
            {"test_share": 0.9, "val_share": 0.5},
            "split.test_share: 0.9 leaves 1 of 10 images, but the rest needs 2. Write 0.8",
        ),
        (1, {}, "outside the test part there are 1 images, and 2 are the fewest"),
        (0, {}, "there are 0 images"),
    ],
)
def test_too_few_images_are_told_with_the_key(number: int, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        split(table({f"i{k}": (1,) for k in range(max(1, number))}).iloc[:number], **keys)
    assert told in str(caught.value)


def test_more_folds_than_groups_and_one_giant_group_are_told() -> None:
    rows = {f"p{k % 3}_{k}": (1,) for k in range(30)}
    with pytest.raises(PipelineError, match=r"split\.n_folds: 5 folds need as many groups, but .* there are 3\. Write 2 or"):
        split(table(rows), group="name")
    with pytest.raises(PipelineError, match=r"split\.group_pattern: all 30 images outside the test part are one group"):
        split(table({f"p_{k}": (1,) for k in range(30)}), group="name")
    with pytest.raises(PipelineError, match=r"split\.join_duplicates: all 30 images .* to false\."):
        split(table(rows, twin=dict.fromkeys(rows, "t")))
