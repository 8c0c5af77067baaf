"""Lets trainings start, or stops the pipeline with what keeps them from learning; knows no torch where nothing is checked."""

import shutil
import sys

from segpipe import paths
from segpipe.errors import PipelineError
from segpipe.params.stage_keys import SanityKeys
from segpipe.storage import files

PASSED = "Nothing was found that keeps a training from learning, or sanity.steps is 0.\n"
"""The same in both cases, and whatever was found: that something was checked retrains nothing."""


def sanity(params: SanityKeys) -> list[str]:
    """Writes data/sanity, and the file without which DVC starts no training; returns lines for people.

    Raises PipelineError that says what keeps the training from learning, and what to change.
    """
    shutil.rmtree(paths.SANITY, ignore_errors=True)
    paths.SANITY_PASSED.unlink(missing_ok=True)
    lines, warnings, problems = _checked(params)
    files.write_json(paths.SANITY / "result.json", {"lines": lines, "warnings": warnings, "problems": problems})
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if problems:
        ending = f"{paths.SANITY}/batch.png shows the images and masks. To train all the same, write sanity.steps: 0."
        raise PipelineError("\n".join([*problems, ending]))
    files.write_bytes(paths.SANITY_PASSED, PASSED.encode())
    return lines


def _checked(params: SanityKeys) -> tuple[list[str], list[str], list[str]]:
    """Lines, warnings, problems."""
    if not params.sanity.steps:
        return ["nothing was checked: sanity.steps is 0"], [], []
    # Here, since it brings torch.
    from segpipe.workflows.sanity_checks import check

    found = check(params)
    return found.lines, found.warnings, found.problems
