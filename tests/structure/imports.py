"""Where the project lies, and every module of ours in it."""

from pathlib import Path

from segpipe.reproducibility.code_hash import PACKAGES

ROOT = Path(__file__).parents[2]


def modules() -> list[str]:
    """Every module of ours that holds code."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if file.stat().st_size)
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
