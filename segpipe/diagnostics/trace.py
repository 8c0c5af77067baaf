"""What a training computes, step by step, as hashes: two traces that agree mean two trainings of the same bytes.

The first entry that differs names the first thing that went another way: a batch, a layer's output, a gradient, a weight.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch
from segpipe.losses.table import Losses
from segpipe.training.first_steps import digest
from segpipe.training.loop import Record, Run

WEIGHTS = "weights"

Entry = tuple[str, str, str]
"""Where (`epoch 1, batch 4`, both from 1), what (`output of network.encoder.0.0, Conv2d`), and its hash or number."""


class EnoughError(Exception):
    """As many steps as were asked for are done."""


@dataclass
class Trace:
    """The entries so far, in the order in which they were computed."""

    entries: list[Entry] = field(default_factory=list)
    where: str = ""

    def add(self, what: str, value: Any) -> None:
        """A tensor as its hash, anything else as Python writes it."""
        self.entries.append((self.where, what, digest([value]) if isinstance(value, Tensor) else repr(value)))


def watched(run: Run, trace: Trace, steps: int) -> Run:
    """The run with parts that write down what passes through them, and that ends after `steps` steps by EnoughError.

    With 0 steps it trains to its end, and only weights and scores are written down.
    """
    if steps:
        _watch_layers(run.model, trace)
    names = {id(weight): name for name, weight in run.model.named_parameters()}
    done = [0]

    def loss(logits: Tensor, target: Tensor) -> Losses:
        losses = run.loss(logits, target)
        trace.add("loss", losses["loss"])
        return losses

    def step() -> None:
        run.step()
        # Backward goes from the last layer to the first, and so does the first difference.
        for weight in reversed([*run.model.parameters()]) if steps else ():
            if weight.grad is not None:
                trace.add(f"gradient of {names[id(weight)]}", weight.grad)

    def validate(trained: Run, record: Record) -> Record:
        found = run.validate(trained, record)
        for name, value in found.items():
            trace.add(name, value)
        return found

    def save_state(trained: Run) -> None:
        trace.add(WEIGHTS, digest(run.weights().values()))
        run.save_state(trained)
        done[0] += trained.progress.batch > 0
        if steps and done[0] >= steps:
            raise EnoughError

    def batches(epoch: int, first: int) -> Iterable[Batch]:
        return _watched_batches(run.batches(epoch, first), trace, epoch, first, with_data=bool(steps))

    return replace(run, loss=loss if steps else run.loss, step=step, validate=validate, save_state=save_state, batches=batches)


def determinism_slowdown(step: Callable[[], object], configure: Callable[[bool], None], rounds: int = 5) -> float:
    """How many times longer a step takes with deterministic algorithms than without: the ratio of two medians."""
    times: dict[bool, list[float]] = {True: [], False: []}
    # In turn, so that whatever slows the machine down meanwhile slows down both.
    for number in range(2 * (rounds + 1)):
        deterministic = number % 2 == 0
        configure(deterministic)
        start = time.perf_counter()
        step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times[deterministic].append(time.perf_counter() - start)
    configure(True)
    return statistics.median(times[True][1:]) / statistics.median(times[False][1:])  # without the first of each, which warms up


def _watch_layers(model: nn.Module, trace: Trace) -> None:
    for name, module in model.named_modules():
        if not [*module.children()]:
            module.register_forward_hook(_hook(f"output of {name}, {type(module).__name__}", model, trace))


def _hook(what: str, model: nn.Module, trace: Trace) -> Callable[[nn.Module, Any, Any], None]:
    def write(module: nn.Module, given: Any, output: Any) -> None:
        # The model's own mode: a frozen encoder is in evaluation mode while the model trains.
        if isinstance(output, Tensor) and model.training:
            trace.add(what, output)

    return write


def _watched_batches(batches: Iterable[Batch], trace: Trace, epoch: int, first: int, with_data: bool) -> Iterator[Batch]:
    for number, batch in enumerate(batches, start=first):
        trace.where = f"epoch {epoch + 1}, batch {number + 1}"
        if with_data:
            trace.add("order of the images", " ".join(batch.ids))
            trace.add("augmented images", batch.image)
            trace.add("augmented masks", batch.target)
        yield batch
