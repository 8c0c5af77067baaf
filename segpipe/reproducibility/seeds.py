"""Seeds as a pure function of what they are for, so that no generator's state has to be kept or shared."""

import hashlib


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed from (seed, fold, epoch, image id ...): the same parts give the same seed on every machine."""
    # A separator that no id holds: ("1", "23") and ("12", "3") differ.
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> 1  # within a signed 64-bit number


def training_seed(seed: int, repeat: int) -> int:
    """What a training's draws follow from: `seed` alone, or another one for each `train.seed` (`repeat`) above 0.

    Data and folds follow from `seed`, so trainings that differ in `train.seed` alone are scored on the same images.
    """
    return seed_of(seed, "train", repeat) if repeat else seed
