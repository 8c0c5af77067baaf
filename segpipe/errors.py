"""The errors a person is meant to read: each says what is wrong, where, and what to change."""


class PipelineError(Exception):
    """A mistake in data, parameters or set-up. Commands print its message and exit with code 2."""


class DataError(PipelineError):
    """What is wrong with one file. Those with the same problem and remedy are told together."""

    def __init__(self, file: str, problem: str, remedy: str) -> None:
        super().__init__(file, problem, remedy)
        self.file, self.problem, self.remedy = file, problem, remedy

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}. {self.remedy}"
