"""Which epochs are validated, and on which images."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.training.validation_plan import ValidationPlan, plan

IDS = [f"folder/image {number}" for number in range(40)]


def numbers(every: int, epochs: int, n_subset: int = 0) -> list[int]:
    """How many of 40 images are predicted after each epoch."""
    found = plan(IDS, IDS, every, n_subset, seed=42)
    return [len(found.images(epoch, epochs)) for epoch in range(epochs)]


@pytest.mark.parametrize(
    ("every", "epochs", "n_subset", "wanted"),
    [
        (1, 3, 0, [40, 40, 40]),
        (2, 5, 0, [0, 40, 0, 40, 40]),
        (9, 3, 0, [0, 0, 40]),
        (1, 3, 7, [7, 7, 40]),
        (3, 10, 7, [0, 0, 7, 0, 0, 7, 0, 0, 7, 40]),
        (1, 20, 7, 18 * [7] + [40, 40]),
        (2, 29, 7, 13 * [0, 7] + [0, 40, 40]),
        (1, 3, 40, [40, 40, 40]),
        (1, 3, 99, [40, 40, 40]),
    ],
)
def test_by_hand(every: int, epochs: int, n_subset: int, wanted: list[int]) -> None:
    assert numbers(every, epochs, n_subset) == wanted


@given(every=st.integers(1, 50), epochs=st.integers(1, 60), n_subset=st.integers(0, 45))
def test_the_last_epoch_is_validated_on_all_and_it_costs_no_more_than_asked_for(every: int, epochs: int, n_subset: int) -> None:
    found = numbers(every, epochs, n_subset)
    assert found[-1] == 40
    assert sum(number > 0 for number in found) <= epochs // every + 1
    if 0 < n_subset < 40:
        assert sum(number == 40 for number in found) <= max(1, epochs // 10)


def test_the_subset_follows_from_seed_and_ids_and_not_from_their_order() -> None:
    shuffled = random.Random(0).sample(IDS, len(IDS))
    first, again = (plan(ids, ids, 1, 10, seed=42).subset for ids in (IDS, shuffled))
    assert set(first) == set(again) and len(first) == 10
    assert [*first] == [item for item in IDS if item in first], "in the part's order"
    assert set(plan(IDS, IDS, 1, 10, seed=43).subset) != set(first)
    assert first != IDS[:10]


def test_a_new_image_moves_one_of_the_others_at_most() -> None:
    before, after = (plan(ids, ids, 1, 10, seed=42).subset for ids in (IDS[:39], IDS))
    assert len(set(before) - set(after)) <= 1


def test_images_that_are_ignored_wholly_are_in_no_subset() -> None:
    counted = IDS[:12]
    assert set(plan(IDS, counted, 1, 10, seed=42).subset) < set(counted)
    assert plan(IDS, counted, 1, 12, seed=42) == ValidationPlan(IDS, (), 1), "it would be the whole part"
