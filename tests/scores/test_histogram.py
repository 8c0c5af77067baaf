"""Counting values: what numpy's bincount says, whatever the shape, and nothing of what is too large."""

import numpy as np
import pytest

from segpipe.scores import histogram
from segpipe.scores.histogram import histogram as counted


@pytest.mark.parametrize("bins", [1, 5, 65536])
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_it_is_a_bincount(bins: int, size: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536 if bins == 65536 else bins + 3, size, dtype=np.uint16)
    assert np.array_equal(counted(values, bins), np.bincount(values[values < bins], minlength=bins))
    assert counted(values, bins).dtype == np.int64


def test_slabs_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(60, dtype=np.uint16).reshape(5, 12)[:, ::2] % 7
    whole = counted(values, 7)
    monkeypatch.setattr(histogram, "SLAB", 4)
    assert np.array_equal(counted(values, 7), whole)
    assert whole.sum() == 30
