"""Depthwise convolutions whose gradients take a way that a CPU's library has made fast.

Under autocast they stay in float32: in bfloat16 oneDNN has no fast path for the gradient of a stride of 2, nor for that of the
weights of a 5 x 5. In float32 it has none for the weights of a 5 x 5 either, but one for those of up to three columns. What both
are worth in a step of an EfficientNet, bench/training_step.py prints. All else stays in bfloat16.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import grad

CPU = "cpu"
COLUMNS = 3
"""Of a kernel whose gradient is taken at once: oneDNN's fast path knows no more."""
WIDEST = 5
"""Columns: those of an EfficientNet have no more, and of a wider kernel a part may see nothing of small features."""
Pair = tuple[int, int]


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of one channel a group. Gives what came in's type back, so that what follows stays in bfloat16."""

    def forward(self, features: Tensor) -> Tensor:
        if features.device.type != CPU:
            return super().forward(features)
        if not torch.is_autocast_enabled(CPU):
            return self._in_float32(features)
        with torch.autocast(CPU, enabled=False):
            return self._in_float32(features.float()).to(torch.get_autocast_dtype(CPU))

    def _in_float32(self, features: Tensor) -> Tensor:
        plain = self.bias is None and self.padding_mode == "zeros" and self.dilation == (1, 1) and features.dim() == 4
        if not (plain and COLUMNS < self.kernel_size[1] <= WIDEST and torch.is_grad_enabled()):
            return super().forward(features)
        result: Tensor = _InColumns.apply(features, self.weight, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return result


class _InColumns(torch.autograd.Function):
    """A depthwise convolution; the gradient of its weights is put together from that of some columns at a time."""

    generate_vmap_rule = True

    @staticmethod
    def forward(features: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        return F.conv2d(features, weight, None, stride, padding, groups=features.shape[1])

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        features, weight, context.stride, context.padding = inputs
        context.save_for_backward(features, weight)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (gradient,), (features, weight) = gradients, context.saved_tensors
        stride, padding = context.stride, context.padding
        of_features, of_weight = None, None
        if context.needs_input_grad[0]:
            # Not by grad.conv2d_input, which does not see that the features lie channels last and takes ten times as long.
            of_features = torch.ops.aten.convolution_backward(
                gradient, features, weight, None, stride, padding, (1, 1), False, (0, 0), features.shape[1], (True, False, False)
            )[0]
        if context.needs_input_grad[1]:
            of_weight = _of_weight(gradient, features, weight.shape, stride, padding)
        return of_features, of_weight, None, None


def _of_weight(gradient: Tensor, features: Tensor, shape: torch.Size, stride: Pair, padding: Pair) -> Tensor:
    """Each part of the columns as a convolution of its own, whose features are padded, or cut off, so that it sees the same."""
    rows, columns = padding
    *others, width = shape
    parts = []
    for first in range(0, width, COLUMNS):
        end = min(first + COLUMNS, width)
        seen = F.pad(features, (columns - first, columns - (width - end)))
        parts.append(grad.conv2d_weight(seen, (*others, end - first), gradient, stride, (rows, 0), groups=features.shape[1]))
    return torch.cat(parts, dim=3)


def use_in(network: nn.Module) -> None:
    """Puts a DepthwiseConv2d in place of every plain depthwise convolution, with its own weights; their names stay."""
    # A list, since children are replaced on the way.
    for module in list(network.modules()):
        for name, child in module.named_children():
            # Not of a class of its own, which may pad or compute in another way.
            if type(child) is nn.Conv2d and child.groups == child.in_channels > 1:
                setattr(module, name, _like(child))


def _like(conv: nn.Conv2d) -> DepthwiseConv2d:
    assert isinstance(conv.padding, tuple), "no network here pads by name"
    like = DepthwiseConv2d(
        conv.in_channels,
        conv.out_channels,
        (conv.kernel_size[0], conv.kernel_size[1]),
        (conv.stride[0], conv.stride[1]),
        (conv.padding[0], conv.padding[1]),
        (conv.dilation[0], conv.dilation[1]),
        conv.groups,
        conv.bias is not None,
        conv.padding_mode,
        # Without memory or random numbers: those that initialise other layers are to stay the same.
        device="meta",
    )
    like.weight, like.bias = conv.weight, conv.bias
    return like.train(conv.training)
