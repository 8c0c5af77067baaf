"""Depthwise convolutions that stay in float32 under a CPU's autocast, where oneDNN computes their gradients many times faster.

In bfloat16 it has no fast path for the gradient of a stride of 2, nor for that of the weights of a 5 x 5. What that costs in a
step of an EfficientNet, bench/training_step.py prints. All else stays in bfloat16.
"""

import torch
from torch import Tensor, nn

CPU = "cpu"


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of one channel a group. Gives what came in's type back, so that what follows stays in bfloat16."""

    def forward(self, features: Tensor) -> Tensor:
        if features.device.type != CPU or not torch.is_autocast_enabled(CPU):
            return super().forward(features)
        with torch.autocast(CPU, enabled=False):
            return super().forward(features.float()).to(torch.get_autocast_dtype(CPU))


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
