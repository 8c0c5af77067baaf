"""All problems of a data set in one message: how bad, what, how many, which files, what to change, and the line that does."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from segpipe.annotations.checks.fixes import lines
from segpipe.errors import DataError, Fix, PipelineError

SHOWN = 10
WORDS = {
    "classes": "^class ",
    "pairs": " = ",
    "shapes": r"^shape \d+ of ",
    "annotations": "^annotation .+ of ",
    "folders": r" \(\d+ image files?",
    "lines": r"(^|, )line \d+",
}
"""What findings are about that are not about files, and a pattern of their names."""


@dataclass(frozen=True)
class Finding:
    """The same problem in one or more files; `files` are sorted. `fixes` are the lines of params.yaml that mend it."""

    warning: bool
    problem: str
    remedy: str
    files: tuple[str, ...]
    fixes: tuple[Fix, ...]

    def __str__(self) -> str:
        return "\n".join([_format_finding(self), *_fix_lines(self.fixes)])


def findings(problems: Iterable[DataError]) -> list[Finding]:
    """The problems, the same ones together, errors first, then by their words."""
    grouped: dict[tuple[bool, str, str], list[DataError]] = defaultdict(list)
    for problem in problems:
        grouped[problem.warning, problem.problem, problem.remedy].append(problem)
    return [
        Finding(warning, problem, remedy, tuple(sorted({each.file for each in own})), _fixes(own))
        for (warning, problem, remedy), own in sorted(grouped.items())
    ]


def refuse(problems: Iterable[DataError], hint: str = "") -> None:
    """Prints the warnings to stderr, and raises one PipelineError with all errors, the same ones together, if there are any.

    `hint` follows where some of them can be mended in params.yaml.
    """
    problems = [*problems]
    print(format_warnings(problems), file=sys.stderr, end="")
    errors = [finding for finding in findings(problems) if not finding.warning]
    if errors:
        kinds = "1 kind" if len(errors) == 1 else f"{len(errors)} kinds"
        hints = [hint] if hint and any(finding.fixes for finding in errors) else []
        raise PipelineError("\n".join([*map(str, errors), *hints, f"{kinds} of problem; nothing was converted."]))


def format_warnings(problems: Iterable[DataError]) -> str:
    """The warnings as text: lines that begin with `warning:`."""
    warnings = [line for finding in findings(problems) if finding.warning for line in str(finding).splitlines()]
    return "".join(f"warning: {line}\n" for line in warnings)


def _fixes(problems: Iterable[DataError]) -> tuple[Fix, ...]:
    return tuple(dict.fromkeys(fix for problem in problems for fix in problem.fixes))


def _format_finding(finding: Finding) -> str:
    names = finding.files
    if len(names) == 1:
        return f"{names[0]}: {finding.problem}. {finding.remedy}"
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    what = next((word for word, mark in WORDS.items() if all(re.search(mark, name) for name in names)), "files")
    return f"{len(names)} {what}: {finding.problem}. {finding.remedy}\n  {shown}"


def _fix_lines(fixes: Iterable[Fix]) -> list[str]:
    """What to write into params.yaml, a line a key."""
    return [f"  params.yaml: {each}" for each in lines(fixes)]
