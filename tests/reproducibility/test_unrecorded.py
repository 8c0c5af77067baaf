"""Numbers that nobody can draw again, unless a test asks for them."""

import os

import pytest

from segpipe.reproducibility import unrecorded


def test_no_two_generators_agree() -> None:
    assert len({float(unrecorded.generator(-1, 0, 1, 2, "noise").random()) for _ in range(100)}) == 100


def test_a_test_seed_repeats_the_numbers_of_the_same_parts() -> None:
    parts = [(3, 0, "noise"), (4, 0, "noise"), (3, 1, "noise"), (3, 0, "sample")]
    found = [[float(unrecorded.generator(*part).random()) for part in parts] for _ in range(2)]
    assert found[0] == found[1] and len(set(found[0])) == len(parts)


def test_every_byte_of_the_operating_systems_seed_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's generator on a CPU would take the last four."""
    found = set()
    for place in range(unrecorded.SEED_BYTES):
        seed = bytes(int(number == place) for number in range(unrecorded.SEED_BYTES))
        monkeypatch.setattr(os, "urandom", lambda count, seed=seed: seed[:count])
        found.add(float(unrecorded.generator(-1).random()))
    assert len(found) == unrecorded.SEED_BYTES
