"""Each example from its command to its report, and its numbers against the recorded ones: equal on the same kind of processor."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from segpipe.acquire.examples import steps
from segpipe.training.device import instruction_set
from tests.examples import record

ELSEWHERE = 0.05
"""How far a test score may be from the recorded one on another kind of processor, whose last digits grow over a training."""


@pytest.mark.slow
@pytest.mark.parametrize("name", steps.NAMES)
def test_an_example_runs_from_its_command_to_the_recorded_numbers(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    command = [sys.executable, "-m", "segpipe.cli.main", "example", name, str(folder)]
    # A GPU would give other digits.
    result = subprocess.run(
        command, cwd=record.ROOT, capture_output=True, text=True, check=False, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert (folder / "reports/index.html").is_file()
    found = json.loads((folder / "metrics/summary.json").read_text(encoding="utf-8"))
    page = record.PAGES / name
    wanted, recorded = (json.loads((page / f"{each}.json").read_text(encoding="utf-8")) for each in ("summary", "recorded"))
    if recorded["instruction_set"] == instruction_set():
        assert found == wanted
        assert record.gathered(folder) == recorded
        # What the hand had to do, by its stand-in.
        said = re.findall(r"^\d+ .*\bdeleted\b.*$", result.stdout, re.MULTILINE)
        assert len(said) == sum(bool(step.by_hand) for step in steps.read(name).steps)
        assert all(each in (page / "README.md").read_text(encoding="utf-8") for each in said)
    for score in ("dice", "miou", "colour_dice"):
        assert found["test"][score] == pytest.approx(wanted["test"][score], abs=ELSEWHERE)
