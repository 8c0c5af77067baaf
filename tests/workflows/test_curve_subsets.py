"""Growing parts: nested, groups whole, the same by lot each time; and as many steps for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.errors import PipelineError
from segpipe.params.stage_keys import TrainKeys
from segpipe.workflows.curve_subsets import nested, parse_shares, suited
from tests import plain_params

PARAMS = TrainKeys.of(plain_params.PARAMS)


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=40), st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.integers(0, 9)
)
def test_each_part_holds_the_one_before_and_no_group_is_cut(groups: list[int], shares: list[float], seed: int) -> None:
    ids = [f"{number:02d}" for number in range(len(groups))]
    names = {item: str(group) for item, group in zip(ids, groups, strict=True)}
    found = nested(ids, names, sorted(shares), seed, 0)
    before: set[str] = set()
    for share, chosen in found.items():
        assert before < set(chosen) and chosen == sorted(chosen)
        assert len(chosen) >= max(2, round(share * len(ids)))
        kin = {names[item] for item in chosen}
        assert set(chosen) == {item for item in ids if names[item] in kin}
        before = set(chosen)
    assert nested(ids, names, [1.0], seed, 0) == {1.0: ids}


def test_the_lot_follows_from_seed_and_fold() -> None:
    ids = [str(number) for number in range(10, 40)]
    alone = {item: item for item in ids}
    (one,) = nested(ids, alone, [0.2], 0, 0).values()
    assert len(one) == 6
    assert [one] == [*nested(ids, alone, [0.2], 0, 0).values()]
    assert [one] != [*nested(ids, alone, [0.2], 1, 0).values()] and [one] != [*nested(ids, alone, [0.2], 0, 1).values()]


def test_as_many_steps_whatever_the_part() -> None:
    train = PARAMS.train.model_copy(update={"epochs": 12, "batch_size": 8, "validate_every": 3, "early_stop": 0})
    params = PARAMS.model_copy(
        update={"train": train, "optim": PARAMS.optim.model_copy(update={"warmup_epochs": 2, "encoder_frozen": 0, "patience": 5})}
    )
    small = suited(params, 20, 160)  # 3 steps an epoch, and 20
    assert small.train.epochs == 80
    assert (small.optim.warmup_epochs, small.train.validate_every, small.optim.patience) == (13, 20, 33)
    assert (small.optim.encoder_frozen, small.train.early_stop) == (0, 0)
    assert suited(params, 160, 160) is params
    assert small.train.epochs * 3 == 12 * 20
    counted = params.model_copy(update={"train": train.model_copy(update={"steps_per_epoch": 7})})
    assert suited(counted, 20, 160) is counted


@pytest.mark.parametrize("text", ["", "0", "1.5", "a", "0.5;1", "nan", "-1,1"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(PipelineError, match="--shares"):
        parse_shares(text)


def test_shares_in_any_order() -> None:
    assert parse_shares("1, 0.25 0.5,0.5") == [0.25, 0.5, 1.0]
