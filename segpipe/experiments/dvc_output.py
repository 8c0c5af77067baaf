"""Runs a command of DVC for Python and prints what it says as it comes, so that a notebook shows it."""

import subprocess
from collections.abc import Sequence

from segpipe.errors import PipelineError
from segpipe.experiments import dvc_experiments


def run(arguments: Sequence[str]) -> None:
    """Runs `dvc` with these arguments in the working directory; it ends with this process.

    Raises PipelineError, with the last line that was printed, where DVC or a stage fails.
    """
    said = ""
    with subprocess.Popen(
        dvc_experiments.command(arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=dvc_experiments.environment(),
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            said = line.strip() or said
    if process.returncode:
        raise PipelineError(f"dvc {' '.join(arguments)}: ended with exit code {process.returncode}. {said}")
