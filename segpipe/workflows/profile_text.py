"""Where an epoch goes, as lines for the console."""

from collections.abc import Sequence

from segpipe.console.tables import format_table
from segpipe.diagnostics.epoch_costs import Cost, Counts, total
from segpipe.training import device as devices
from segpipe.workflows.assemble import Training

HEAD = ("part", "ms", "each", "in an epoch", "seconds", "share")


def about(training: Training, steps: int) -> str:
    """What is measured, before it is."""
    data, batch = training.data, training.params.train.batch_size
    where = devices.describe(training.device)
    return f"fold {data.fold}: {steps} steps of batches of {batch} images, on {where}; {_workers(training)}"


def lines(training: Training, counts: Counts, costs: Sequence[Cost]) -> list[str]:
    """The table, and what is to be known beside its numbers."""
    whole = total(costs)
    rows = [_row(cost, whole) for cost in costs]
    last = ["an epoch", "", "", "", f"{whole:.2f}", "100 %"]
    return [format_table([*rows, last], HEAD), "", *_notes(training, counts, costs)]


def _row(cost: Cost, whole: float) -> list[str]:
    share = "beside" if cost.beside else f"{cost.in_an_epoch / whole:.1%}".replace("%", " %")
    return [
        cost.part,
        f"{cost.seconds * 1000:.2f}",
        cost.each,
        f"{cost.count:,.2f}".removesuffix(".00"),
        f"{cost.in_an_epoch:.2f}",
        share,
    ]


def _notes(training: Training, counts: Counts, costs: Sequence[Cost]) -> list[str]:
    return []


def _workers(training: Training) -> str:
    workers = training.params.runtime.workers
    return f"{workers} loader workers" if workers else "no loader workers"
