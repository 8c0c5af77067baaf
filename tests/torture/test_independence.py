"""A few variations give one hash, and one that matters is found; augmentations fall evenly."""

from pathlib import Path

import pytest

from segpipe.dataset import augment
from tests.torture import independence
from tests.torture.independence import Variation


def test_all_that_may_differ_at_once_gives_the_same_bytes(tmp_path: Path) -> None:
    untracked = {"MLFLOW_TRACKING_URI": "nowhere://"}  # A database takes seconds to make.
    ours = untracked | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "1"}
    everything = Variation("everything", "ein Körbchen voll", 2, independence.HALF_GIB, ours, cores=1, shuffled=True)
    lines: list[str] = []
    found = independence.compare([Variation("nothing", environment=untracked), everything], tmp_path, lines.append)
    assert lines[-1].startswith(f"one hash: {found} over 2 variations")


def test_other_bytes_are_told_with_what_was_varied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = iter(({independence.WEIGHTS: "a"}, {independence.WEIGHTS: "b"}))

    def made(variation: Variation, place: Path) -> dict[str, str]:
        place.mkdir()
        return next(hashes)

    monkeypatch.setattr(independence, "made_by", made)
    with pytest.raises(SystemExit, match=r"failed: 1 workers gives other bytes in models/fold0/model\.safetensors"):
        independence.compare(independence.variations(), tmp_path)


def test_augmentations_fall_evenly_and_never_twice(tmp_path: Path) -> None:
    lines: list[str] = []
    independence.augmentation(tmp_path, lines.append)
    assert lines[1].startswith("128 of 128 draws differ")


def test_one_seed_for_all_transforms_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What albumentations does when it is given a number: flips fire all or none."""

    def apply(augmentation: augment.Augmentation, image: object, mask: object, seed: int) -> object:
        for transform in augmentation.changes.transforms:
            transform.set_random_seed(seed % 2**32)
        changed = augmentation.changes(image=image, mask=mask)
        return changed["image"], changed["mask"]

    monkeypatch.setattr(augment, "apply", apply)
    assert min(independence.shares(100, 2).values()) < 0.8
