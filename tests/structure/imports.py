"""Where the project lies, and every module of ours in it."""

from pathlib import Path

from segpipe.reproducibility.code_hash import PACKAGES

ROOT = Path(__file__).parents[2]
ROOTS = dict.fromkeys(PACKAGES, ROOT)


def modules() -> list[str]:
    """Every module of ours that holds code; a template is a file that is written out, also where it is Python."""
    found = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if file.stat().st_size)
    files = [file for file in found if file.parent.name != "templates"]
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
