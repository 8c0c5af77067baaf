"""Where a network looks: its attention maps, read by hooks while it predicts. Nothing of it stays in the network."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.spatial_attention import SpatialAttention
from segpipe.models.segmenter import Segmenter

ATTENTION = (AttentionGate, SpatialAttention)


@dataclass(frozen=True)
class AttentionMap:
    """`values` in [0, 1], float32 (N, H, W) as the image; they were found for squares of `stride` pixels of it.

    Of an image that the network sees enlarged (`model.input_scale`) they are pixels of that.
    """

    stride: int
    values: Tensor


def has_attention(segmenter: Segmenter) -> bool:
    """Whether there is a map to be had."""
    return any(isinstance(module, ATTENTION) for module in segmenter.modules())


@torch.inference_mode()
def attention_maps(segmenter: Segmenter, image: Tensor) -> list[AttentionMap]:
    """What each gate multiplies by for an image, (N, C, H, W) in [0, 1], from the finest level down; none without gates.

    A map is enlarged bilinearly to the padded image, the padding is cut off, and what is left is averaged to
    the size of the image. The segmenter must be in evaluation mode.
    """
    assert not segmenter.training, "the maps of a training step would be dropped from, and would move the statistics"
    found: list[Tensor] = []

    def read(gate: nn.Module, given: tuple[Tensor, ...], multiplied: Tensor) -> None:
        assert isinstance(gate, ATTENTION)
        # Computed once more: a hook sees what goes into a gate and what comes out, and not what it multiplies by.
        found.append(gate.attention(*given))

    hooks = [module.register_forward_hook(read) for module in segmenter.modules() if isinstance(module, ATTENTION)]
    try:
        segmenter(image)
    finally:
        for hook in hooks:
            hook.remove()
    maps = [_at_size(values, image, segmenter) for values in found]
    return sorted(maps, key=lambda each: each.stride)


def _at_size(values: Tensor, image: Tensor, segmenter: Segmenter) -> AttentionMap:
    """(N, 1, h, w) on its own grid to the image's."""
    times = segmenter.scales.image
    height, width = (times * side for side in image.shape[2:])
    # A whole number, since the padded height is a multiple of the stride.
    scale = (height + -height % segmenter.stride) // values.shape[2]
    enlarged = F.interpolate(values.float(), scale_factor=scale, mode="bilinear")[..., :height, :width]
    return AttentionMap(scale, F.avg_pool2d(enlarged, times)[:, 0])
