"""Which layer of a network is computing, and which layer each step of its backward pass belongs to."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
"""Files whose lines say nothing of a model: torch's own, and those that watch."""
LOSS = "the loss"


class LayerScopes:
    """`now` is the innermost layer that computes, `network.encoder.0.0 (Conv2d)`; outside of all it is what `inside` says.

    `owners` holds each node of the backward graph with its layer; what was computed between the layers of a larger one is that
    one's own. `images` are the places in the batch of the images that are computed with, all or those of a part. `largest` has,
    by layer and place, the largest magnitude of what the layer was given.
    """

    def __init__(self) -> None:
        self.owners: dict[Node, str] = {}
        self.images = range(0)
        self.largest: dict[str, dict[int, float]] = {}
        self._stack: list[tuple[str, list[Node]]] = [("", [])]

    @property
    def now(self) -> str:
        return self._stack[-1][0]

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Follows the layers of the model as long as the block lasts."""
        handles = []
        for name, module in model.named_modules():
            label = f"{name} ({type(module).__name__})" if name else f"the model ({type(module).__name__})"
            handles.append(module.register_forward_pre_hook(self._entering(label), with_kwargs=True))
            handles.append(module.register_forward_hook(self._leaving))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def inside(self, label: str) -> Iterator[None]:
        """What is computed in the block belongs to `label`."""
        self._stack.append((label, []))
        try:
            yield
        finally:
            self._stack.pop()

    def own(self, outputs: Any, label: str, boundary: Iterable[Node] = ()) -> None:
        """All nodes behind the outputs that have no layer yet, and do not lie behind the boundary, are this one's."""
        waiting = [each.grad_fn for each in tensors_of(outputs) if each.grad_fn]
        stop = set(boundary)
        while waiting:
            node = waiting.pop()
            if node not in stop and node not in self.owners:
                self.owners[node] = label
                waiting += [each for each, _ in node.next_functions if each]

    def _entering(self, label: str) -> Any:
        def enter(module: nn.Module, given: Any, named: Any) -> None:
            inputs = tensors_of((given, named))
            if len(self._stack) == 1:
                self.images = range(self.images.stop, self.images.stop + len(inputs[0]))
            self._stack.append((label, [each.grad_fn for each in inputs if each.grad_fn]))
            if inputs and inputs[0].ndim > 1 and len(inputs[0]) == len(self.images):
                self._note(label, inputs[0])

        return enter

    def _note(self, label: str, given: Tensor) -> None:
        values = given.detach().abs().float().flatten(1).amax(dim=1).tolist()
        before = self.largest.setdefault(label, {})
        for place, value in zip(self.images, values, strict=True):
            before[place] = max(value, before.get(place, 0.0))

    def _leaving(self, module: nn.Module, given: Any, output: Any) -> None:
        label, boundary = self._stack.pop()
        self.own(output, label, boundary)


def tensors_of(value: Any) -> list[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = [*value.values()]
    return [tensor for each in value for tensor in tensors_of(each)] if isinstance(value, list | tuple) else []


def source_line() -> str:
    """The line of code that runs now, `file:line in function`: the innermost that is not torch's."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    return f"{short(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"


def short(file: str) -> str:
    """The path from the package's folder on."""
    parts = Path(file).parts
    for root in ("site-packages", "segpipe"):
        if root in parts[:-1]:
            start = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[start + (root == "site-packages") :])
    return "/".join(parts[-2:])
