"""The errors a person is meant to read: each says what is wrong, where, and what to change."""

import unicodedata
from dataclasses import dataclass
from typing import Any

UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of a character, and line ends."""


def plain(text: str) -> str:
    """The text with such characters written out: printed, they could move the cursor or fake a line of ours."""
    return "".join(repr(each)[1:-1] if unicodedata.category(each) in UNSEEN else each for each in text)


class PipelineError(Exception):
    """A mistake in data, parameters or set-up. Commands print its message and exit with code 2."""


@dataclass(frozen=True)
class Fix:
    """The line of params.yaml that mends a problem: `key` gets `value`, or a list gets it as one more item."""

    key: str
    value: Any
    adds: bool = False


class DataError(PipelineError):
    """What is wrong with one file. Those with the same problem and remedy are told together.

    A `warning` stops nothing. `fix` is what `segpipe init PATH --fix` would write: one line of params.yaml or several.
    """

    def __init__(
        self, file: str, problem: str, remedy: str, fix: Fix | tuple[Fix, ...] | None = None, warning: bool = False
    ) -> None:
        super().__init__(file, problem, remedy)
        self.file, self.problem, self.remedy = plain(file), plain(problem), plain(remedy)
        self.fix, self.warning = fix, warning

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The lines that mend it, none, one or several."""
        return self.fix if isinstance(self.fix, tuple) else (self.fix,) if self.fix else ()

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}. {self.remedy}"
