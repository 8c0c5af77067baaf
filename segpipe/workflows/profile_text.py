"""Where an epoch goes, as lines for the console."""

from collections.abc import Sequence

from segpipe.console.tables import format_table
from segpipe.diagnostics.epoch_costs import Cost, Counts, total
from segpipe.training import device as devices
from segpipe.workflows.assemble import Training

HEAD = ("part", "ms", "each", "in an epoch", "seconds", "share")


def about(training: Training, steps: int) -> str:
    """What is measured, before it is."""
    params, device = training.params, devices.describe(training.device)
    return (
        f"fold {training.data.fold} on {device}, {_workers(params.runtime.workers)}: an epoch has {training.run.n_batches} steps "
        f"of {params.train.batch_size} images, {steps} are measured"
    )


def lines(training: Training, counts: Counts, costs: Sequence[Cost]) -> list[str]:
    """The table, and below it what its numbers are of."""
    whole = total(costs)
    rows = [_row(cost, whole) for cost in costs if cost.seconds]
    return [
        format_table([*rows, ["an epoch", "", "", "", _short(whole), "100.0%"]], HEAD, n_left=1),
        "",
        *_notes(training, counts),
    ]


def _row(cost: Cost, whole: float) -> list[str]:
    share = "beside" if cost.beside else f"{cost.in_an_epoch / whole:.1%}"
    count = f"{cost.count:,.0f}" if cost.count >= 1000 else f"{cost.count:.3g}"
    return [cost.part, _short(cost.seconds * 1000), cost.each, count, _short(cost.in_an_epoch), share]


def _notes(training: Training, counts: Counts) -> list[str]:
    params = training.params
    workers = params.runtime.workers
    made = f"by {_workers(workers)} while the loop trains" if workers else "by the loop itself, which is its waiting for data"
    if params.augment.library == "torchvision":
        made = f"augmenting on {training.device.type} between the steps, which is the loop's waiting for data"
    validated = round(counts.validations * counts.epochs)
    notes = [
        f"beside: time of one core, spent {made}",
        f"in an epoch: on average over all {counts.epochs}, of which {validated} are validated",
    ]
    if counts.decoded < counts.images:
        notes.append("decoding: an image that is kept decoded is read and decoded in the first epoch alone")
    return notes


def _workers(count: int) -> str:
    return f"{count} loader {'worker' if count == 1 else 'workers'}" if count else "no loader workers"


def _short(number: float) -> str:
    """Three digits or more."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
