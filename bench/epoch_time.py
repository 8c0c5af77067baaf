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
from segpipe.storage import workspace
from segpipe.training import loop
from segpipe.workflows.assemble import with_images
from segpipe.workflows.train import prepare

N_BATCHES, N_VALIDATION = (4, 12), (3, 12)
"""Two sizes are timed, and what they have in common (workers that are started) counts once an epoch."""
LEAST = 3.0
"""Seconds to be timed each, where one round is shorter."""


def main() -> None:
    params = TrainKeys.of(load_params())
    now = clock.since_start(sys.argv[1], params.threads)
    training = prepare(params, 0)
    start = now()
    n_train, n_validation = len(training.data.train_ids), len(training.data.validation_ids)

    def train(count: int) -> float:
        run = with_images(training, min(count * params.train.batch_size, n_train), 1).run
        return seconds(lambda: loop.train_epoch(replace(run, progress=loop.Progress())), now)

    def validate(count: int) -> float:
        # After the last epoch the whole part is validated.
        run = with_images(training, 1, count).run
        run.progress.epoch = run.epochs - 1
        return seconds(lambda: run.validate(run, {"epoch": run.epochs - 1}), now)

    with training.cache.opened(workspace.decoded_images()):
        epoch = extrapolated(train, N_BATCHES, training.run.n_batches)
        epoch += extrapolated(validate, N_VALIDATION, n_validation) / params.train.validate_every
    print(json.dumps({"start": start, "epoch": epoch, "steps": training.run.n_batches}))


def extrapolated(work: Callable[[int], float], counts: tuple[int, int], whole: int) -> float:
    """The seconds of the whole, by those of two smaller counts where it is larger than both."""
    if whole <= counts[1]:
        return work(whole)
    few, more = (work(count) for count in counts)
    each = max(0.0, more - few) / (counts[1] - counts[0])
    return more + each * (whole - counts[1])


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
