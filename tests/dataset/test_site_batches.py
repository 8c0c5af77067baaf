"""The batches of sites in turn, each as if it were alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.dataset.loader import EpochBatches
from segpipe.dataset.site_batches import Place, SiteBatches

SIZES = {"a": 5, "b": 2, "c": 7}


def site(name: str, images: int) -> EpochBatches:
    return EpochBatches([f"{name}/{number}" for number in range(images)], 3, 0, 0)


def batches(local_epochs: int = 2, sizes: dict[str, int] = SIZES) -> SiteBatches:
    return SiteBatches([site(name, images) for name, images in sizes.items()], local_epochs)


def test_each_site_draws_what_it_would_alone() -> None:
    order = batches()
    # ceil(5 / 3), ceil(2 / 3), ceil(7 / 3) batches an epoch.
    assert len(order) == 2 * (2 + 1 + 3)
    for number in (0, 3):
        order.epoch = number
        wanted = []
        for name, images in SIZES.items():
            for epoch in (2 * number, 2 * number + 1):
                alone = site(name, images)
                alone.epoch = epoch
                wanted += [*alone]
        assert [*order] == wanted


@given(st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 5), st.data())
def test_a_round_goes_on_from_any_batch(sizes: list[int], local_epochs: int, number: int, data: st.DataObject) -> None:
    order = batches(local_epochs, {str(index): images for index, images in enumerate(sizes)})
    order.epoch = number
    whole = [*order]
    assert len(whole) == len(order)
    order.first = data.draw(st.integers(0, len(order)))
    assert [*order] == whole[order.first :]
    order.first = 0


def test_a_place_counts_as_the_site_does() -> None:
    order = batches()
    places = [order.place(1, batch) for batch in range(len(order))]
    assert places[:5] == [Place(0, 2, 0), Place(0, 2, 1), Place(0, 3, 0), Place(0, 3, 1), Place(1, 2, 0)]
    assert places[-1] == Place(2, 3, 2)
    with pytest.raises(IndexError):
        order.place(1, len(order))
