"""Repeats one step of a training under anomaly detection, and says what of it is not finite, and where that begins."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.diagnostics.first_not_finite import Gradients, Operations, Origin
from segpipe.diagnostics.layer_scopes import LOSS, LayerScopes
from segpipe.losses.table import Losses
from segpipe.models.segmenter import Segmenter
from segpipe.training import loop
from segpipe.training.not_finite import Broken, NotFiniteError, broken_names


@dataclass(frozen=True)
class BrokenWeight:
    """A weight or a statistic that the step broke: its layer, and the largest magnitude in it before, and in its gradient."""

    name: str
    layer: str
    before: float
    gradient: float | None


@dataclass
class Examined:
    """A step: what of it is not finite, None where all is, and the operations in which that begins, one for each broken part.

    `losses` are those of its images, each (N,), and `logits` (N, K, H, W), with an axis more before it where the network has
    branches. `largest` has, by layer and place in the batch, the largest magnitude that was given to it; `weight` is the largest
    before the step, with its name.
    """

    broken: Broken | None = None
    origins: list[Origin] = field(default_factory=list)
    losses: Losses = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.zeros(0))
    weights: list[BrokenWeight] = field(default_factory=list)
    largest: dict[str, dict[int, float]] = field(default_factory=dict)
    weight: tuple[str, float] = ("", 0.0)
    lr: float = 0.0

    @property
    def origin(self) -> Origin | None:
        """The first of the operations; None where there is none."""
        return self.origins[0] if self.origins else None


class _DoneError(Exception):
    """The step was taken."""


def examine(run: loop.Run, segmenter: Segmenter, batch: Batch) -> Examined:
    """The step of `run.progress`, by the loop itself, on this batch.

    It changes weights and optimizer as any step does, and leaves the progress as it is.
    """
    scopes = LayerScopes()
    operations, gradients = Operations(scopes), Gradients(scopes)
    parts: list[tuple[Losses, Tensor]] = []
    of_logits: list[Origin] = []
    found = Examined(weight=_largest(segmenter))
    broken_before = broken_names(run.model.state_dict())
    before = {name: float(tensor.abs().max()) for name, tensor in segmenter.state_dict().items() if tensor.numel()}

    def loss(logits: Tensor, target: Tensor) -> Losses:
        with scopes.inside(LOSS):
            losses = run.loss(logits, target)
        scopes.own(losses, LOSS)
        gradients.watch()
        if origin := operations.origin_of(losses["loss"]):
            found.origins.append(origin)
        if origin := operations.origin_of(logits):
            of_logits.append(origin)
        operations.end()
        parts.append(({name: each.detach() for name, each in losses.items()}, logits.detach()))
        return losses

    def save_state(trained: loop.Run) -> None:
        raise _DoneError

    progress = replace(run.progress, sums=dict(run.progress.sums))
    step = replace(run, loss=loss, batches=lambda epoch, first: [batch], save_state=save_state, progress=progress)
    handle = segmenter.register_forward_pre_hook(lambda *_: operations.begin())
    with torch.autograd.set_detect_anomaly(True, check_nan=False), scopes.watching(segmenter), operations:
        try:
            with suppress(_DoneError):
                loop.train_epoch(step)
        except NotFiniteError as error:
            found.broken = error.broken
    handle.remove()
    found.losses = {name: torch.cat([losses[name] for losses, _ in parts]) for name in parts[0][0]}
    found.logits = torch.cat([logits for _, logits in parts], dim=-4)
    found.largest, found.lr = scopes.largest, float(run.optimizer.param_groups[-1]["lr"])
    if found.broken == "gradient":
        # A loss may be finite all the same, where it looks at the logits by comparisons alone.
        found.origins = of_logits or gradients.found
    # A state that was saved after the forward pass has broken statistics, which no step in training mode reads.
    broken = [name for name in broken_names(run.model.state_dict()) if name not in broken_before]
    if not found.broken and broken:
        found.broken, found.weights = "weights", [_broken_weight(segmenter, name, before) for name in broken]
    return found


def _broken_weight(segmenter: Segmenter, name: str, before: dict[str, float]) -> BrokenWeight:
    """`name` is that in the model as it is trained, which may hold the segmenter beside an average."""
    own = next((each for each in before if name == each or name.endswith(f".{each}")), "")
    module = dict(segmenter.named_modules()).get(own.rpartition(".")[0])
    weight = dict(segmenter.named_parameters()).get(own)
    layer = f"{own.rpartition('.')[0]} ({type(module).__name__})"
    gradient = None if weight is None or weight.grad is None else float(weight.grad.abs().max())
    return BrokenWeight(name, layer, before.get(own, 0.0), gradient)


def _largest(segmenter: Segmenter) -> tuple[str, float]:
    sizes = {name: float(weight.detach().abs().max()) for name, weight in segmenter.named_parameters() if weight.numel()}
    return max(sizes.items(), key=lambda item: item[1])


def reach(run: loop.Run, last: int) -> Batch | None:
    """Trains on to the step that breaks a weight or a statistic, at the latest in epoch `last`; returns its batch.

    The run is then as it was before this step. None where no step breaks anything.
    """
    held: list[Batch] = []
    before: list[tuple[Any, dict[str, Any]]] = []

    def batches(epoch: int, first: int) -> Iterator[Batch]:
        for batch in run.batches(epoch, first):
            held[:] = [batch]
            before[:] = [(part, copy.deepcopy(part.state_dict())) for part in (run.model, run.optimizer)]
            yield batch

    def save_state(trained: loop.Run) -> None:
        if trained.progress.batch and broken_names(trained.model.state_dict()):
            trained.progress.batch -= 1
            raise _DoneError
        if trained.progress.epoch > last:
            held.clear()
            raise _DoneError

    try:
        loop.fit(replace(run, batches=batches, save_state=save_state, hooks=()))
        held.clear()
    except (_DoneError, NotFiniteError):
        pass
    if not held:
        return None
    for part, content in before:
        part.load_state_dict(content)
    return held[0]
