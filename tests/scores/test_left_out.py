"""Leaving out: what a score would be without an image is what it is when that image is not counted."""

import json

import numpy as np
import pytest

from segpipe.scores import left_out
from segpipe.scores.details import DETAIL_SCORES, DetailCounter, Details, ImageFacts
from tests.scores.test_details import counted, image


def with_groups(groups: list[str]) -> Details:
    counter = DetailCounter(3, has_background=True, tolerance=2.0)
    for seed, group in enumerate(groups):
        counter.add(*image(seed), ImageFacts(group))
    return counter.details()


def scores_without(n: int, missing: set[int]) -> dict[str, float | None]:
    return counted(*(seed for seed in range(n) if seed not in missing)).scores(has_background=True)


@pytest.mark.parametrize(
    ("groups", "units"),
    [(["", "", "", ""], [{0}, {1}, {2}, {3}]), (["b", "", "b", "a"], [{0, 2}, {1}, {3}])],
)
def test_it_is_the_score_of_the_others(groups: list[str], units: list[set[int]]) -> None:
    found = with_groups(groups).left_out
    assert found.images == [min(unit) for unit in units]
    for place, unit in enumerate(units):
        wanted = scores_without(len(groups), unit)
        for name in DETAIL_SCORES:
            # Average precision from 128 levels moves nearly as that from 65,536.
            assert found.without[name][place] == pytest.approx(wanted[name], abs=2e-3 if name == "map" else 1e-12)
    for name in DETAIL_SCORES:
        assert found.shares[name].sum() == pytest.approx(1)


def test_beyond_the_most_several_are_left_out_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MOST_UNITS", 2)
    found = with_groups(["", "", "", "", ""]).left_out
    assert found.images == [0, 1]
    assert found.without["hd95"][1] == pytest.approx(scores_without(5, {1, 3})["hd95"])


def test_a_class_that_one_mask_alone_has_is_counted_and_left_out_with_its_image() -> None:
    counter = DetailCounter(3, has_background=True, tolerance=2.0)
    for seed in range(2):
        truth, seen, known = image(seed)
        counter.add(np.where((truth == 2) & (seed == 1), 0, truth).astype(np.uint8), np.where(seen == 2, 0, seen), known)
    found = counter.details()
    assert found.one_sided == [0, 0, 1]
    alone = DetailCounter(3, has_background=True, tolerance=2.0)
    truth, seen, known = image(1)
    alone.add(np.where(truth == 2, 0, truth).astype(np.uint8), np.where(seen == 2, 0, seen), known)
    wanted = alone.details().scores(has_background=True)["surface_dice"]
    assert found.left_out.without["surface_dice"][0] == pytest.approx(wanted)


def test_nan_comes_back_from_json_and_other_numbers_are_refused() -> None:
    found = with_groups(["", ""]).left_out
    found.without["map"][0] = np.nan
    again = left_out.LeftOut.from_json(json.loads(json.dumps(found.to_json())))
    assert np.isnan(again.without["map"][0]) and again.to_json() == found.to_json()
    with pytest.raises(ValueError, match="leaves out other images"):
        left_out.LeftOut.from_json(found.to_json() | {"images": [0]})
