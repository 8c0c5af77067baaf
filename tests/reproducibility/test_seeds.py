"""Seeds follow from what they are of, in every process alike."""

import os
import subprocess
import sys

from segpipe.reproducibility.seeds import seed_of, training_seed


def test_seeds_differ_by_every_part_and_not_by_process() -> None:
    assert len({seed_of(1, 2, "a"), seed_of(1, 2, "b"), seed_of(12, "a"), seed_of(1, "2a"), seed_of(1, 2)}) == 5
    code = "from segpipe.reproducibility.seeds import seed_of; print(seed_of(42, 0, 'x'))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(other.stdout) == seed_of(42, 0, "x") == 7889027255079810686


def test_a_training_s_seed_is_the_seed_unless_another_is_asked_for() -> None:
    assert training_seed(42, 0) == 42
    assert len({training_seed(seed, repeat) for seed in (0, 42) for repeat in range(5)}) == 10
