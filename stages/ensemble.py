"""Stage ensemble: scores the mean of all folds' models on the test part; one fold has none, and costs next to nothing."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import EnsembleKeys


def main() -> None:
    """Predicts every test image by the mean probability of all folds' models; writes data/ensemble."""
    params = EnsembleKeys.of(load_params())

    from segpipe.workflows.ensemble import ensemble

    for line in ensemble(params):
        print(line)
    command.done(paths.ENSEMBLE.as_posix(), "dvc repro report")


if __name__ == "__main__":
    command.run(main)
