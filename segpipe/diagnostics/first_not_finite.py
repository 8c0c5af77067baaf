"""Finds the operation that made the first number which is not finite, forwards and backwards.

Forwards each operation is looked at, and a tensor that is not finite remembers which operation began it: numbers that are masked
away again blame nobody. Backwards each node of the graph is, since anomaly detection alone tells of NaN and not of infinity.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.utils._python_dispatch import TorchDispatchMode

from segpipe.diagnostics.layer_scopes import LIBRARIES, LayerScopes, short, source_line, tensors_of

FILLED = {"copy_", "fill_", "zero_", "normal_", "uniform_", "bernoulli_", "random_", "exponential_"}
"""Operations that do not read what they write into."""
Sizes = tuple[float, float]
"""The smallest and the largest magnitude in a tensor."""


@dataclass(frozen=True)
class Origin:
    """An operation all of whose inputs were finite, and whose output is not.

    `sizes` are those of its inputs. `where` is True at the numbers that are not finite; it is empty where they are a
    weight's, and else mostly has the `images`, places in the batch, along its first axis.
    """

    operation: str
    layer: str
    line: str
    sizes: tuple[Sizes, ...]
    where: Tensor
    images: range
    number: int = 0
    backwards: bool = False


class Operations(TorchDispatchMode):
    """Looks at every operation of a forward pass, from `begin` to `end`; `origin_of` then names the one that broke a tensor.

    The backward pass between them is none of its matter, and what it held of the forward pass is let go.
    """

    def __init__(self, scopes: LayerScopes) -> None:
        super().__init__()
        self.scopes = scopes
        # By memory, which views share and a change in place leaves; the tensors are held, or it would be given out again.
        self._origins: dict[int, Origin] = {}
        self._held: list[Tensor] = []
        self._looking = False

    def begin(self) -> None:
        """A forward pass starts."""
        self._looking = True

    def end(self) -> None:
        """It has ended, and nobody will ask for its tensors."""
        self._looking = False
        self._origins.clear()
        self._held.clear()

    def origin_of(self, tensor: Tensor) -> Origin | None:
        """The operation that made the first number that is not finite among all that led to this tensor."""
        return self._origins.get(_memory(tensor))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self._looking:
            return func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        inputs = _floats((args[1:] if name in FILLED else args, kwargs or {}))
        # Before it runs, since it may write into what it reads.
        known = [origin for each in inputs if (origin := self.origin_of(each)) and not _finite(each)]
        before = [each.clone() for each in inputs] if func._schema.is_mutable else inputs
        output = func(*args, **(kwargs or {}))
        if not inputs or name.startswith(("empty", "new_empty")):
            # A constant, of which only what is computed with it can be wrong, or whatever lay in the memory.
            return output
        for each in _floats(output):
            if not _finite(each):
                origin = min(known, key=lambda one: one.number) if known else self._begun(name, before, each)
                self._origins[_memory(each)] = origin
                self._held.append(each)
        return output

    def _begun(self, name: str, inputs: list[Tensor], output: Tensor) -> Origin:
        number = len(self._held)
        place = (name.removesuffix("_"), self.scopes.now, source_line())
        return Origin(*place, tuple(map(sizes, inputs)), ~output.detach().isfinite(), self.scopes.images, number)


class Gradients:
    """Looks at each node of a backward pass; `found` are the first, of each part, that made a finite gradient one that is not."""

    def __init__(self, scopes: LayerScopes) -> None:
        self.scopes = scopes
        self.found: list[Origin] = []

    def watch(self) -> None:
        """Watches all nodes that have a layer."""
        for node, layer in self.scopes.owners.items():
            node.register_hook(self._looking(node, layer))
        self.scopes.owners.clear()

    def _looking(self, node: Node, layer: str) -> Callable[[Any, Any], None]:
        images = self.scopes.images

        def look(made: Any, given: Any) -> None:
            if (
                any(each.images == images for each in self.found)
                or not all(map(_finite, _floats(given)))
                or all(map(_finite, _floats(made)))
            ):
                return
            name = re.sub(r"Backward\d*$", "", node.name())
            values = tuple(map(sizes, _floats(given)))
            self.found.append(Origin(name, layer, _written_at(node), values, _broken_values(node, made), images, backwards=True))

        return look


def sizes(tensor: Tensor) -> Sizes:
    """The smallest and the largest magnitude of its numbers, as far as they are finite; NaN where none is."""
    values = tensor.detach().abs()
    values = values[values.isfinite()]
    return (float(values.min()), float(values.max())) if values.numel() else (float("nan"), float("nan"))


def _broken_values(node: Node, made: Any) -> Tensor:
    """Where the gradient of what came from images is not finite; empty where only a weight's is, which is a sum over images."""
    for gradient, (before, _) in zip(made, node.next_functions, strict=True):
        if gradient is not None and before is not None and not _of_weight(before) and not _finite(gradient):
            return ~gradient.isfinite()
    return torch.zeros(0, dtype=torch.bool)


def _of_weight(node: Node) -> bool:
    """Also a weight in half precision, which is a copy."""
    return any("AccumulateGrad" in each.name() for each in (node, *[each for each, _ in node.next_functions if each]))


def _written_at(node: Node) -> str:
    """The line of the forward pass; anomaly detection keeps it with each node."""
    # A property, which torch's types take for a method.
    kept: Any = node.metadata
    for entry in reversed(kept.get("traceback_", [])):
        if match := re.match(r'\s*File "([^"]+)", line (\d+), in (\S+)', entry):
            file, line, function = match.groups()
            if not file.startswith(LIBRARIES):
                return f"{short(file)}:{line} in {function}"
    return ""


def _floats(value: Any) -> list[Tensor]:
    return [each for each in tensors_of(value) if each.is_floating_point()]


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.detach().isfinite().all())


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
