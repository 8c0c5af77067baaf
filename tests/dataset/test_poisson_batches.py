"""Batches by lot: each unit comes as often as it should, whatever else comes, and a group never twice."""

import numpy as np
import pytest

from segpipe.dataset import loader
from segpipe.dataset.poisson_batches import PoissonBatches

UNITS = [["a"], ["b1", "b2", "b3"], ["c"], ["d"]]
GROUP = {item: number for number, unit in enumerate(UNITS) for item in unit}


def batches(rate: float = 0.3, n_batches: int = 4000) -> PoissonBatches:
    return PoissonBatches(UNITS, rate, n_batches, lambda epoch, batch: np.random.default_rng([epoch, batch]))


def test_each_unit_is_in_a_batch_with_the_probability_and_by_itself() -> None:
    held = np.array([[any(GROUP[key[1]] == number for key in keys) for number in range(4)] for keys in batches()])
    assert held.mean(axis=0) == pytest.approx([0.3] * 4, abs=0.03)
    # Independent: what is in a batch says nothing of what else is.
    assert np.corrcoef(held.T) == pytest.approx(np.eye(4), abs=0.06)
    sizes = held.sum(axis=1)
    assert set(sizes) == {0, 1, 2, 3, 4}


def test_a_group_has_one_image_in_a_batch_each_as_often() -> None:
    drawn = [[key[1] for key in keys if GROUP[key[1]] == 1] for keys in batches()]
    assert max(map(len, drawn)) == 1
    counts = [sum(items == [item] for items in drawn) for item in UNITS[1]]
    assert counts == pytest.approx([400] * 3, rel=0.15)


def test_it_goes_on_from_a_batch_and_no_draw_of_an_epoch_comes_twice() -> None:
    order = batches(n_batches=50)
    whole = [*order]
    order.first = 20
    assert [*order] == whole[20:] and len(order) == 50
    keys = [key for keys in whole for key in keys]
    assert len(set(keys)) == len(keys)
    order.epoch = 1
    assert [*order] != whole[20:] and {key[0] for keys in order for key in keys} == {1}


def test_a_batch_of_nobody_is_a_batch() -> None:
    empty = loader.empty_batch()
    assert empty.ids == () and len(empty.image) == len(empty.target) == 0
