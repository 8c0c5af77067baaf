"""The winner's score where it did not choose: by hand, without the luck of the best of many, whatever the order."""

import numpy as np
import pytest

from segpipe.scores.intervals import Pixels, jackknives
from segpipe.scores.settings import Setting
from segpipe.scores.winner import PARTS, Winner, deal, winner
from tests.scores.made_runs import images, of_recalls, runs, take

IDS = [f"image {number}" for number in range(40)]


def found_of(settings: list[list[Pixels]], ids: list[str] = IDS, groups: list[str] | None = None) -> Winner:
    return winner([Setting(str(number), each) for number, each in enumerate(settings)], "recall", True, ids, groups)


def test_a_clear_winner_has_its_own_score() -> None:
    rng = np.random.default_rng(0)
    hard = images(rng, 40)
    best = runs(rng, hard, 2, gain=0.2)
    found = found_of([runs(rng, hard, 2), best, runs(rng, hard, 2)])
    own = np.mean([jackknives(run, ["recall"], True)["recall"].whole for run in best])
    assert (found.name, found.chosen) == ("1", {"1": 2 * PARTS})
    assert (found.value, found.best) == pytest.approx((own, own))
    assert found.interval.low is not None and found.interval.low < own


def test_two_images_by_hand() -> None:
    """Each image chooses the setting that the other one is scored with: 0.9 and 0.8 choose what gives 0.1 and 0.2."""
    found = found_of([[of_recalls(np.array([0.9, 0.1]))], [of_recalls(np.array([0.2, 0.8]))]], ["a", "b"])
    assert (found.name, found.best, found.chosen) == ("0", 0.5, {"0": 1, "1": 1})
    assert found.value == pytest.approx((0.1 + 0.2) / 2)


@pytest.mark.parametrize(("seed", "own"), [(0.0, 0.1), (0.02, 0.0)])
def test_the_luck_of_the_best_is_gone(seed: float, own: float) -> None:
    """Twelve settings of recall 0.5 over all images there are, of which these images (`own`) or seeds make one look best."""
    rng = np.random.default_rng(1)
    hard = np.full(40, 0.5)
    studies = [found_of([runs(rng, hard, 2, seed, 0.05, rng.normal(0, own, 40)) for _ in range(12)]) for _ in range(60)]
    lucky, honest = (np.array([getattr(each, name) for each in studies]) for name in ("best", "value"))
    error = honest.std(ddof=1) / np.sqrt(60)
    assert lucky.mean() - 0.5 > 5 * error > 0 and abs(honest.mean() - 0.5) < 3 * error


def test_order_of_images_and_groups_of_one_change_nothing() -> None:
    rng = np.random.default_rng(2)
    settings = [runs(rng, images(rng, 40), 2) for _ in range(3)]
    first, order = found_of(settings), rng.permutation(40)
    moved = [[take(run, order) for run in each] for each in settings]
    again = found_of(moved, [IDS[at] for at in order])
    assert (again.value, again.best, again.chosen) == (pytest.approx(first.value), pytest.approx(first.best), first.chosen)


def test_groups_stay_whole_and_parts_are_alike() -> None:
    groups = [f"patient {number // 3}" if number < 30 else "" for number in range(40)]
    parts = deal(IDS, groups)
    assert all(
        len({int(part) for part, each in zip(parts, groups, strict=True) if each == name}) == 1 for name in set(groups) - {""}
    )
    units = {name or item: part for item, name, part in zip(IDS, groups, parts, strict=True)}
    assert sorted(np.bincount(list(units.values()))) == [4] * PARTS and len(units) == 20
    # A group and an image of one name are two.
    assert len(set(deal(["a", "b"], ["b", ""]).tolist())) == 2


def test_unlike_numbers_of_runs_and_folds() -> None:
    """A setting of one run is scored by it each time; folds are averaged."""
    rng = np.random.default_rng(3)
    hard = images(rng, 40)
    settings = [runs(rng, hard, 1, gain=0.3), runs(rng, hard, 3)]
    found = found_of(settings)
    assert found.chosen == {"0": 3 * PARTS} and found.value == pytest.approx(found.best)
    folds = [[Pixels(*(np.stack([x, x], axis=1) for x in (r.hits, r.true, r.seen))) for r in each] for each in settings]
    assert found_of(folds).value == pytest.approx(found.value)


def test_a_single_image_cannot_choose() -> None:
    with pytest.raises(ValueError, match="1 images or groups"):
        found_of([[of_recalls(np.array([0.5]))]] * 2, ["a"])
