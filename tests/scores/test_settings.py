"""Verdicts on settings against the t-test, how often they are right, and what must not change them."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from segpipe.scores.intervals import Pixels
from segpipe.scores.paired import difference
from segpipe.scores.settings import BETTER, CANNOT_BE_TOLD, WORSE, Setting, Verdict, verdicts
from tests.scores.made_runs import counted, images, of_recalls, runs, take


def named(*settings: list[Pixels]) -> list[Setting]:
    return [Setting(f"setting {number}", each) for number, each in enumerate(settings)]


def values(found: Verdict) -> tuple[float | None, ...]:
    each = found.difference
    return each.value, each.low, each.high, each.p, each.better


def some(seed: int = 0) -> list[Setting]:
    """Three settings of three runs on ten images, of any pixels; the last is better."""
    rng = np.random.default_rng(seed)
    first = counted(rng, 10)
    other = [[counted(rng, 10, first.true) for _ in range(3)] for _ in range(2)]
    right = [Pixels(first.true, first.true, each.seen) for each in other[1]]
    return named([first, counted(rng, 10, first.true)], other[0], right)


def test_without_noise_of_images_it_is_the_t_test() -> None:
    rng = np.random.default_rng(0)
    hard, offsets = images(rng, 8), (rng.normal(0, 0.01, 4).round(4), rng.normal(0.01, 0.01, 3).round(4))
    a, b = ([of_recalls(hard.round(4) + each) for each in seeds] for seeds in offsets)
    found = verdicts(named(a, b), "recall", True)[0]
    wanted = stats.ttest_ind(offsets[1], offsets[0])
    bounds = wanted.confidence_interval()
    assert values(found)[:4] == pytest.approx((np.mean(offsets[1]) - np.mean(offsets[0]), bounds.low, bounds.high, wanted.pvalue))
    assert found.seed_noise == pytest.approx(np.sqrt((3 * np.var(offsets[0], ddof=1) + 2 * np.var(offsets[1], ddof=1)) / 5))
    assert found.seeds == 3


def test_without_noise_of_seeds_it_is_the_difference_of_two_models() -> None:
    rng = np.random.default_rng(1)
    a = counted(rng, 10)
    b = counted(rng, 10, a.true)
    groups = ["a", "a", *[""] * 8]
    found = verdicts(named([a, a], [b, b, b]), "dice", True, groups)[0]
    one = difference(a, b, "dice", True, groups)
    assert values(found) == pytest.approx((one.value, one.low, one.high, one.p, one.better))
    assert found.seed_noise == pytest.approx(0, abs=1e-12)


def test_order_changes_nothing() -> None:
    settings = some()
    first = verdicts(settings, "dice", True)
    order = np.random.default_rng(2).permutation(10)
    moved = [Setting(each.name, [take(run, order) for run in each.runs[::-1]]) for each in settings]
    again = verdicts([moved[0], moved[2], moved[1]], "dice", True)
    assert [each.setting for each in again] == ["setting 2", "setting 1"]
    assert all(values(a) == pytest.approx(values(b)) for a, b in zip(first, again[::-1], strict=True))
    assert [each.word for each in first] == [each.word for each in again[::-1]] == [CANNOT_BE_TOLD, BETTER]


def test_words_bounds_and_p_agree() -> None:
    """Ten settings of which some are better, and some worse, by about what can be told."""
    rng = np.random.default_rng(3)
    hard = images(rng, 20)
    found = verdicts(named(*(runs(rng, hard, 3, gain=0.01 * step) for step in (0, *range(-5, 6)))), "recall", True)
    assert {each.word for each in found} == {BETTER, WORSE, CANNOT_BE_TOLD}
    for each in found:
        value, low, high, p, better = values(each)
        assert None not in (value, low, high, p, better)
        assert value is not None and low is not None and high is not None and p is not None and better is not None
        assert low <= value <= high and (p <= 0.05) == (not low <= 0 <= high) == (each.word != CANNOT_BE_TOLD)
        assert (each.word == CANNOT_BE_TOLD) == bool(each.would_tell)
        assert (each.word != BETTER or value > 0) and (each.word != WORSE or value < 0) and (better > 0.5) == (value > 0)


def test_more_comparisons_make_bounds_wider() -> None:
    settings = some()
    alone = verdicts([settings[0], settings[2]], "dice", True)[0].difference
    rng = np.random.default_rng(4)
    many = [Setting("more", [counted(rng, 10, settings[0].runs[0].true) for _ in range(3)]) for _ in range(8)]
    among = verdicts([*settings, *many], "dice", True)[1].difference
    assert among.value == alone.value and among.effective_n == alone.effective_n
    assert among.low is not None and alone.low is not None and among.low < alone.low


# Nothing to say


def test_one_run_each_cannot_be_told() -> None:
    found = verdicts([Setting(each.name, each.runs[:1]) for each in some()], "dice", True)
    assert {each.word for each in found} == {CANNOT_BE_TOLD}
    assert {values(each)[1:] for each in found} == {(None,) * 4} and found[1].difference.value is not None
    assert {each.difference.reason for each in found} == {"one run each: another seed may move it by more"}
    assert all(each.seed_noise is None and "run each with 3 seeds or more" in each.would_tell for each in found)


def test_a_single_run_has_the_noise_of_the_others() -> None:
    """Three runs of the first setting have two degrees of freedom; the other has none."""
    rng = np.random.default_rng(5)
    hard = np.full(4, 0.5)
    first, other = (runs(rng, hard, n_runs, both=0) for n_runs in (3, 1))
    found = verdicts(named(first, other), "recall", True)[0]
    assert found.seed_noise is not None and found.difference.value is not None
    t = found.difference.value / (found.seed_noise * np.sqrt(1 / 3 + 1))
    assert found.difference.p == pytest.approx(2 * stats.t.sf(abs(t), 2))


def test_equal_runs_do_not_differ_and_are_no_test() -> None:
    """A setting that is the first one's copy is counted in no correction."""
    settings = some()
    one = settings[0].runs[0]
    same = verdicts(named([one] * 2, [one] * 2), "dice", True)[0]
    assert (same.word, same.difference.value, same.difference.p) == (CANNOT_BE_TOLD, 0, None)
    assert same.difference.reason == "all runs of both give the same" and same.would_tell == ""
    nothing = Pixels(*(np.zeros((4, 2), np.int64) for _ in range(3)))
    none = verdicts(named([nothing] * 2, [nothing] * 2), "dice", True)[0]
    assert (none.word, none.difference.value, none.difference.reason) == (CANNOT_BE_TOLD, None, "there is no score")
    single = verdicts(named(*([take(run, np.arange(1)) for run in each.runs] for each in settings)), "pixel_accuracy", True)[0]
    assert single.difference.reason == "it rests on a single image" and single.word == CANNOT_BE_TOLD


def test_other_images_and_no_runs_are_refused() -> None:
    settings = some()
    with pytest.raises(ValueError, match="the same images"):
        verdicts([settings[0], Setting("short", [take(run, np.arange(5)) for run in settings[1].runs])], "dice", True)
    with pytest.raises(ValueError, match="no runs of none"):
        verdicts([*settings, Setting("none", [])], "dice", True)


# How often it is right: bench/verdicts.py measures real runs


def share(n_studies: int, draw: Callable[[np.random.Generator], list[Setting]], word: str | None = None) -> float:
    """Of so many studies those in which any setting is called so, or anything but what cannot be told."""
    rng = np.random.default_rng(n_studies)
    called = [{each.word for each in verdicts(draw(rng), "recall", True)} for _ in range(n_studies)]
    return float(np.mean([word in each if word else each != {CANNOT_BE_TOLD} for each in called]))


@pytest.mark.parametrize("own", [0.0, 0.05])
def test_equal_settings_are_rarely_called_different(own: float) -> None:
    """Two to five runs; the settings are alike on all images there are, and `own` says how far they are not on each."""

    def draw(rng: np.random.Generator) -> list[Setting]:
        n_runs, hard = int(rng.choice([2, 3, 5])), images(rng, 30)
        return named(*(runs(rng, hard, n_runs, gain=rng.normal(0, own, 30)) for _ in range(2)))

    # Of 250 at 5 % more than 8.5 % are as rare as 1 in 100.
    assert share(250, draw) <= 0.085


def test_ten_equal_settings_are_rarely_called_different_from_the_first() -> None:
    """Without a correction one in three or four studies would have one."""

    def draw(rng: np.random.Generator) -> list[Setting]:
        hard = images(rng, 30)
        return named(*(runs(rng, hard, 2) for _ in range(11)))

    assert share(200, draw) <= 0.085


def test_so_many_seeds_tell() -> None:
    """The number that a verdict names finds the difference in four of five studies, and on the right side."""
    rng = np.random.default_rng(6)
    hard = images(rng, 30)

    def draw(rng: np.random.Generator, n_runs: int) -> list[Setting]:
        return named(*(runs(rng, hard, n_runs, 0.01, 0.0, gain) for gain in (0.0, 0.02)))

    # The runs of a pilot study with the very noise and difference: deviations of 0.01, means apart by 0.02.
    pilot = named(*([of_recalls(hard + gain + 0.01 * sign) for sign in (-np.sqrt(0.5), np.sqrt(0.5))] for gain in (0.0, 0.02)))
    found = verdicts(pilot, "recall", True)[0]
    assert found.seed_noise == pytest.approx(0.01, rel=0.01) and found.difference.value == pytest.approx(0.02, abs=1e-4)
    assert found.word == CANNOT_BE_TOLD and found.seeds_needed == 6 and "of 0.020 takes some 6 seeds each" in found.would_tell
    assert share(200, lambda rng: draw(rng, 6), BETTER) >= 0.75
    assert share(200, lambda rng: draw(rng, 3), BETTER) < 0.6
