"""Stage report: all folds' results as numbers and tables under metrics/, and as one page, reports/index.html."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import ReportKeys


def main() -> None:
    """Gathers the results of all folds into metrics/ and reports/index.html."""
    params = ReportKeys.of(load_params())

    from segpipe.workflows.report import report

    result = report(params)
    command.done(f"{paths.PAGE.as_posix()} ({result})", "open it in a browser; dvc exp run -S loss.dice_weight=0.7")


if __name__ == "__main__":
    command.run(main)
