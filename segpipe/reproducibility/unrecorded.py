"""Random numbers that nobody can draw again: their seed comes from the operating system and is kept nowhere.

Not torch's generator: on a CPU it takes 32 bits of a seed, so that whoever tries 4 billion seeds has its numbers.
"""

import os

import numpy as np

from segpipe.reproducibility.seeds import seed_of

SEED_BYTES = 32


def generator(test_seed: int, *parts: int | str) -> np.random.Generator:
    """A new generator each time it is asked for; of the same numbers for the same parts where `test_seed` is 0 or more."""
    if test_seed < 0:
        return np.random.default_rng(int.from_bytes(os.urandom(SEED_BYTES), "big"))
    return np.random.default_rng(seed_of(test_seed, *parts))
