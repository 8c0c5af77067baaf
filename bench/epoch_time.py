"""What a training of the project in the working directory takes on this machine: seconds until it begins, and of an epoch.

Some batches and some validation images are timed as `python -m stages.train` runs them, after a round that does not count; the
rest follows by their number. The argument says by which clock (bench/clock.py). Prints JSON: {"start": seconds, "epoch": seconds,
"steps": of an epoch}.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import clock

from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows.assemble import with_images
from segpipe.workflows.train import prepare

N_BATCHES, N_VALIDATION = 8, 4
LEAST = 10.0
"""Seconds to be timed, of the training and of the validation, where one round is shorter."""


def main() -> None:
    params = TrainKeys.of(load_params())
    now = clock.since_start(sys.argv[1], params.threads)
    training = prepare(params, 0)
    start = now()
    n_train, n_validation = len(training.data.train_ids), len(training.data.validation_ids)
    some = min(N_BATCHES * training.params.train.batch_size, n_train), min(N_VALIDATION, n_validation)
    run = with_images(training, *some).run
    of_batches = seconds(lambda: loop.train_epoch(replace(run, progress=loop.Progress())), now)
    of_images = seconds(run.validate, now)
    epoch = of_batches * n_train / some[0] + of_images * n_validation / max(some[1], 1)
    print(json.dumps({"start": start, "epoch": epoch, "steps": training.run.n_batches}))


def seconds(work: Callable[[], object], now: Callable[[], float]) -> float:
    """Of one call, over as many as LEAST holds; the first, which prepares much, is left out."""
    work()
    start, count = now(), 0
    while now() - start < LEAST:
        work()
        count += 1
    return (now() - start) / count


if __name__ == "__main__":
    main()
