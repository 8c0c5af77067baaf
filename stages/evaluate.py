"""Stage evaluate: scores one fold's model on its validation part and on the test part."""

from typing import Annotated

import typer

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import EvaluateKeys


def main(fold: Annotated[int, typer.Option(help="Which fold's model to score, 0 or more.")]) -> None:
    """Predicts every validation and test image at its own resolution; writes data/eval/foldN."""
    params = EvaluateKeys.of(load_params())

    from segpipe.workflows.evaluate import evaluate

    for line in evaluate(params, fold):
        print(line)
    command.done(paths.eval_folder(fold).as_posix(), "dvc repro report")


if __name__ == "__main__":
    command.run(main)
