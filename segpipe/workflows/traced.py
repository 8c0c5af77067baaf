"""A trace of a training in a process of its own, by the code of any checkout: a process has some settings for life."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError


def traced(folder: Path, fold: int, steps: int, images: int, file: Path) -> dict[str, Any]:
    """What `python -m segpipe.workflows.trace` in `folder`, with the Python of this process, writes to `file`.

    Raises PipelineError with its own words where it fails.
    """
    options = ["--fold", fold, "--steps", steps, "--images", images, "--out", file.resolve()]
    command = [sys.executable, "-m", "segpipe.workflows.trace", *map(str, options)]
    # With -m Python looks into the working directory first: that folder's code runs.
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"`{' '.join(command[1:7])}` failed:\n{done.stderr.strip() or done.stdout.strip()}")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
