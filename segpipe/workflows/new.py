"""Lays out a project in a new folder."""

import subprocess
from pathlib import Path

from segpipe.errors import PipelineError

ROOT = Path(__file__).parents[2]


def lay_out(folder: Path) -> None:
    """A project in `folder`: for now a clone of the checkout that this file lies in. Raises PipelineError with Git's words."""
    done = subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PipelineError(f"{folder}: {done.stderr.strip()}")
