"""A network from top to bottom: each layer with the shape that it gives, its parameters, and how often it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segpipe.diagnostics.fake_tensors import fake_copy, shapes_only


@dataclass
class Layer:
    """A module that has weights of its own, or no modules inside it.

    `shape` is that of its last output for one image, without the image's axis; empty where it is never called, or
    gives no tensor. `parameters` are its own. `multiply_adds` are those of all its calls, of convolutions and products.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    calls: int


def layers(network: nn.Module, size: tuple[int, int, int]) -> list[Layer]:
    """The layers in the order in which one image of `size` (C, H, W) meets them in evaluation; those never called come last.

    A layer that several steps share is there once. nn.Identity, which does nothing, is left out. The parameters add up
    to those of the network.
    """
    with shapes_only(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin = fake_copy(network).eval()
        found: dict[str, Layer] = {}
        for name, module in twin.named_modules():
            own = sum(weight.numel() for weight in module.parameters(recurse=False))
            if (own or not [*module.children()]) and not isinstance(module, nn.Identity):
                found[name] = Layer(name, type(module).__name__, (), own, 0, 0)
                module.register_forward_pre_hook(_called(found, name))
                module.register_forward_hook(_shaped(found[name]))
        twin(torch.empty(1, *size))
    root = type(network).__name__
    for name, each in found.items():
        # The counter names a module by its path below the root's class, and counts a multiply-add as two.
        each.multiply_adds = sum(counter.get_flop_counts().get(f"{root}.{name}", {}).values()) // 2
    return [*(each for each in found.values() if each.calls), *(each for each in found.values() if not each.calls)]


def _called(found: dict[str, Layer], name: str) -> Callable[[nn.Module, Any], None]:
    def count(module: nn.Module, given: Any) -> None:
        if not found[name].calls:
            # A dict keeps the order of insertion: at its first call a layer moves to the end.
            found[name] = found.pop(name)
        found[name].calls += 1

    return count


def _shaped(layer: Layer) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            layer.shape = tuple(output.shape[1:])

    return note
