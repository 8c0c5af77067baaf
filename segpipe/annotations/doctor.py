"""All problems of a data set in one message: what, how many, which files, and what to change."""

from collections import defaultdict
from collections.abc import Iterable

from segpipe.errors import DataError, PipelineError

SHOWN = 10


def refuse(problems: Iterable[DataError]) -> None:
    """Raises one PipelineError that tells all problems, the same ones together; returns where there is none."""
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for problem in problems:
        files[problem.problem, problem.remedy].append(problem.file)
    if files:
        blocks = [_block(problem, remedy, sorted(names)) for (problem, remedy), names in sorted(files.items())]
        kinds = "1 kind" if len(blocks) == 1 else f"{len(blocks)} kinds"
        raise PipelineError("\n".join([*blocks, f"{kinds} of problem; nothing was converted."]))


def _block(problem: str, remedy: str, names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]}: {problem}. {remedy}"
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"{len(names)} files: {problem}. {remedy}\n  {shown}"
