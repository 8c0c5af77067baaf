"""An epoch's costs by hand."""

import dataclasses

import pytest

from segpipe.diagnostics import epoch_costs
from segpipe.diagnostics.epoch_costs import Cost, Counts, Saving, costs, share, total
from segpipe.diagnostics.sample_times import SampleTimes
from segpipe.diagnostics.step_times import FIRST, FORWARD, WAITING

COUNTS = Counts(epochs=10, images=100, batches=20, decoded=10.0, validations=0.2, validated=5.0)
STEPS = {FIRST: 3.0, WAITING: 1.0, FORWARD: 2.0}


def found(saving: Saving, counts: Counts = COUNTS) -> list[Cost]:
    return costs(counts, SampleTimes(0.1, 0.2, 0.3), STEPS, (5.0, 0.4), saving)


def test_by_hand() -> None:
    got = {cost.part: (cost.in_an_epoch, cost.beside) for cost in found(Saving(1.0, 1e9))}
    assert got == {
        "reading": (1.0, True),
        "decoding": (2.0, True),
        "augmenting": (30.0, True),
        FIRST: (3.0, False),
        # Of every batch but the first.
        WAITING: (19.0, False),
        FORWARD: (40.0, False),
        "start of a validation": (1.0, False),
        "validation": (2.0, False),
        "saving": (0.0, False),
    }


def test_what_is_done_beside_is_no_part_of_an_epoch() -> None:
    got = found(Saving(1.0, 1e9))
    assert total(got) == 3 + 19 + 40 + 1 + 2
    assert share(got, FORWARD) == 40 / 65
    assert share(got, "augmenting") == 0
    assert sum(share(got, cost.part) for cost in got) == pytest.approx(1)


@pytest.mark.parametrize(
    ("pause", "states"),
    # Ten epochs of 65 s, and a state that takes 1 s.
    [(0.0, 21), (64.0, 1.0), (649.0, 0.1), (650.0, 0.0)],
)
def test_states_by_the_time_between_two(pause: float, states: float) -> None:
    assert found(Saving(1.0, pause))[-1].count == states


def test_a_short_training_saves_none() -> None:
    one = dataclasses.replace(COUNTS, epochs=1)
    assert found(Saving(1.0, 60.0), one)[-1].count == 1
    assert found(Saving(1.0, 65.0), one)[-1].count == 0


def test_an_empty_epoch_has_no_shares() -> None:
    assert epoch_costs.share([Cost(FORWARD, 0.0, "step", 3)], FORWARD) == 0
