"""Damage is seen, and the test of it sees damage that is not."""

import random
from pathlib import Path

import pytest

from segpipe.storage import checksummed
from tests.torture import damage


def test_sixty_random_damages_are_seen_and_states_fall_back_to_the_same_bytes(tmp_path: Path) -> None:
    tally = damage.torture(tmp_path, 60, seed=1)
    assert tally.line() == "60 of 60 detected (20 model, 20 onnx, 20 state); 20 of 20 fallbacks ended in the reference's bytes"


def test_without_the_seal_damage_would_go_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksummed, "check", lambda content, mark: None)
    monkeypatch.setattr(damage, "SIZES", damage.SIZES[:1])
    tally = damage.torture(tmp_path, 12, seed=1)
    assert tally.unseen
    assert tally.line().startswith(f"{12 - len(tally.unseen)} of 12 detected")


def test_every_damage_is_one(tmp_path: Path) -> None:
    chance = random.Random(0)
    content = bytes(range(256))
    assert all(damage.damaged(content, chance)[0] != content for _ in range(1000))
