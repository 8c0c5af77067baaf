"""Trains some steps and writes the hash of all that they computed: `python -m segpipe.workflows.trace`, for verify and adopt.

It runs in a process of its own, and `segpipe adopt` runs that of another commit too.
"""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command
from segpipe.diagnostics import deterministic_ops
from segpipe.diagnostics import trace as tracing
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.storage import files
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.workflows.assemble import with_images
from segpipe.workflows.train import prepare


def main(
    fold: Annotated[int, typer.Option(help="Which fold to train, 0 or more.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    steps: Annotated[int, typer.Option(help="Batches to train, each layer hashed; 0 trains to the end.")] = 0,
    images: Annotated[int, typer.Option(help="Train and validate on the first so many images; 0 takes all.")] = 0,
) -> None:
    """Writes a training's card, its hashes, what determinism costs it, and what of it would not repeat itself on a GPU."""
    params = TrainKeys.of(load_params())
    training = prepare(params, fold)
    few = images or (params.train.batch_size if steps else None)
    run = with_images(training, images or None, few).run
    # A copy, since a forward pass in training mode changes batch normalisation's statistics.
    trial = replace(run, model=copy.deepcopy(training.segmenter))

    def backward() -> None:
        loop.compute_losses(trial, batch)["loss"].mean().backward()

    with translate_norm_errors():
        batch = next(iter(run.batches(0, 0)))
        operations = deterministic_ops.operations(backward)
        trace = tracing.Trace()
        watched = tracing.watched(run, trace, steps)
        try:
            loop.fit(watched)
        # The epoch was cut short, so its validation is still to come: on the whole part, as that of a last epoch.
        except tracing.EnoughError:
            last = replace(watched, epochs=watched.progress.epoch + 1)
            last.validate(last, {"epoch": watched.progress.epoch})
    # Last, since it switches deterministic algorithms off and on.
    slowdown = tracing.determinism_slowdown(backward, lambda on: devices.configure_determinism(params.threads, on))
    found = {"card": training.card.to_dict(), "entries": trace.entries, "slowdown": slowdown, "n_batches": run.n_batches}
    files.write_json(out, found | {"warnings": deterministic_ops.warnings(operations)})


if __name__ == "__main__":
    command.run(main)
