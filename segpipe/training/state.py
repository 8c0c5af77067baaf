"""All that a training needs to go on, as one file with a checksum: weights, optimizer, scaler, progress and the best epoch."""

from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from segpipe.storage import checksummed
from segpipe.training.loop import Best, Progress, Run
from segpipe.training.precision import Scaler


def to_bytes(run: Run, scaler: Scaler) -> bytes:
    """The state of the run as it is; no generator has a state that would matter."""
    progress, optimizer = run.progress, run.optimizer.state_dict()
    tensors = {f"model.{name}": tensor for name, tensor in run.model.state_dict().items()}
    about: dict[str, Any] = {
        "groups": optimizer["param_groups"],
        "scaler": scaler.state_dict() if scaler else None,
        "numbers": {},
    }
    for index, entries in optimizer["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                about["numbers"][f"{index}.{name}"] = value
    if progress.best:
        tensors |= {f"best.{name}": tensor for name, tensor in progress.best.weights.items()}
        about["best"] = {"epoch": progress.best.epoch, "score": progress.best.score}
    # As pairs: sealed JSON sorts its keys, and history.csv's columns come in the order of a record's.
    about["history"] = [[*record.items()] for record in progress.history]
    about["sums"] = [*progress.sums.items()]
    # Without what is sealed above: asdict would copy the best weights once more.
    about["progress"] = asdict(replace(progress, best=None, history=[], sums={}))
    return checksummed.seal(tensors, about)


def restore(run: Run, scaler: Scaler, content: bytes) -> None:
    """Puts all of `to_bytes` back into the run. Raises checksummed.DamagedError before it has touched anything."""
    tensors, about = checksummed.opened(content)
    run.model.load_state_dict(_named(tensors, "model."))
    state: dict[int, dict[str, Any]] = {}
    for key, value in (_named(tensors, "optimizer.") | about["numbers"]).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    # The optimizer's state numbers the weights through all groups, in this order.
    weights = [weight for group in run.optimizer.param_groups for weight in group["params"]]
    laid_out = {index: {name: _like(value, weights[index]) for name, value in each.items()} for index, each in state.items()}
    run.optimizer.load_state_dict({"state": laid_out, "param_groups": about["groups"]})
    if scaler:
        scaler.load_state_dict(about["scaler"])
    found = Progress(**about["progress"])
    found.sums = dict(about["sums"])
    found.history = [dict(pairs) for pairs in about["history"]]
    if "best" in about:
        # Beside the weights that are kept now, as the copy of an uninterrupted run is.
        own = run.weights()
        best = {name: tensor.to(own[name].device) for name, tensor in _named(tensors, "best.").items()}
        found.best = Best(**about["best"], weights=best)
    # In place: copies of the run made by `dataclasses.replace` share this very object.
    vars(run.progress).update(vars(found))


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(value: Any, weight: Tensor) -> Any:
    """A moment in its weight's memory format, as the optimizer made it: another layout could mean another kernel."""
    if isinstance(value, Tensor) and value.shape == weight.shape:
        return torch.empty_like(weight, dtype=value.dtype).copy_(value)
    return value
