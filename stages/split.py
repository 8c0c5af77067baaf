"""Stage split: the test part and the folds of data/prepared, in data/folds; kept_folds.csv remembers them for the next time."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import SplitKeys


def main() -> None:
    """Assigns the images to the test part and the folds: whole groups, balanced by class, old images where they were."""
    from segpipe.workflows.split import split

    print(split(SplitKeys.of(load_params())))
    command.done(f"{paths.FOLDS.as_posix()} and {paths.BALANCE_REPORT.name}; commit {paths.KEPT_FOLDS}", "dvc repro sanity")


if __name__ == "__main__":
    command.run(main)
