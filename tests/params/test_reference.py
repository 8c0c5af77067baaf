"""docs/reference/params.md is what the command prints, and says of each key what the schema says."""

import subprocess
import sys

import pytest

from segpipe.params import reference
from tests.structure.imports import ROOT


def test_the_page_is_what_the_command_prints() -> None:
    """After a change: python -m segpipe.params.reference > docs/reference/params.md."""
    command = [sys.executable, "-m", "segpipe.params.reference"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    assert (ROOT / "docs/reference/params.md").read_bytes().decode() == done.stdout.decode()


@pytest.mark.parametrize(
    ("section", "row"),
    [
        ("data.sample", "| `size` | whole number | 64 .. 1024 | pixels, height and width |"),
        ("loss", "| `dice_weight` | number | 0 .. 1 | 0 .. 1: share of Dice in"),
        ("loss", "| `tversky_beta` | number | 10 or less, above 0 | above 0: price"),
        ("model", "| `dropout` | number | 0 or more, below 1 | probability"),
        ("model", "| `width` | whole number or list: whole number | 1 .. 2048; 1 .. 2048, 2 .. 7 of them | channels"),
        ("optim", "| `name` | choice |  | sgd \\| adam \\| adamw |"),
        ("train", "| `deterministic` | true or false |  | false is faster"),
        ("data", "| `max_ignored` | number | 0 .. 1 | 0 .. 1: share"),
        ("data.masks", "| `image_dir` | text |  | folder name that holds images; . for data.path itself; \\*_images for"),
        ("data.masks", "| `codes` | list: whole number or text | 2 .. 255 of them | codes: the value"),
    ],
)
def test_a_key_has_a_row_in_its_section(section: str, row: str) -> None:
    below = reference.page().partition(f"## {section}\n")[2].partition("\n## ")[0]
    assert f"\n{row}" in below


def test_a_section_says_what_it_is_for() -> None:
    assert "## runtime\n\nnever changes a result\n\n| key |" in reference.page()
