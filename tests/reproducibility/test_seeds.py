"""Seeds follow from what they are of, in every process alike."""

import os
import subprocess
import sys

from segpipe.reproducibility.seeds import seed_of


def test_seeds_differ_by_every_part_and_not_by_process() -> None:
    assert len({seed_of(1, 2, "a"), seed_of(1, 2, "b"), seed_of(12, "a"), seed_of(1, "2a"), seed_of(1, 2)}) == 5
    code = "from segpipe.reproducibility.seeds import seed_of; print(seed_of(42, 0, 'x'))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(other.stdout) == seed_of(42, 0, "x") == 7889027255079810686
