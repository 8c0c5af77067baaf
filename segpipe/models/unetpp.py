"""U-Net++ (Zhou et al. 2018, arXiv:1807.10165): between encoder and decoder stand nodes that read all nodes before them.

X(i, 0) is the encoder's level i. X(i, j) reads X(i, 0) to X(i, j - 1) and the enlarged X(i + 1, j - 1): equation 1 of the paper.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from segpipe.models import style as styles
from segpipe.models.style import Style
from segpipe.models.table import Built
from segpipe.models.u_shape import Encoder
from segpipe.params import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    return Built(
        UNetPlusPlus(in_channels, n_logits, widths, params.deep_supervision, styles.from_params(params)), 2**params.depth, None
    )


class UNetPlusPlus(nn.Module):
    """Maps (N, C, H, W) to logits (N, n_logits, H, W), for H and W that are multiples of 2 to the depth.

    With `deep_supervision` last or mean each top node X(0, 1) to X(0, depth) has a head, and in training all logits come out,
    (depth, N, n_logits, H, W); in evaluation those of the last, or their mean. With none only X(0, depth) has a head.
    """

    def __init__(self, in_channels: int, n_logits: int, widths: Sequence[int], deep_supervision: str, style: Style) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision
        deep = len(widths) - 2
        self.encoder = Encoder(
            style.double_conv(previous, own, dropout=level >= deep)
            for level, (previous, own) in enumerate(pairwise([in_channels, *widths]))
        )
        depth = len(widths) - 1
        self.up = nn.ModuleDict()
        self.nodes = nn.ModuleDict()
        for column in range(1, depth + 1):
            for level in range(depth + 1 - column):
                own, below = widths[level], widths[level + 1]
                self.up[f"{level}_{column}"] = style.up(below, own)
                self.nodes[f"{level}_{column}"] = style.double_conv((column + 1) * own, own)
        first = depth if deep_supervision == "none" else 1
        self.heads = nn.ModuleDict({str(column): nn.Conv2d(widths[0], n_logits, 1) for column in range(first, depth + 1)})

    def forward(self, image: Tensor) -> Tensor:
        # rows[i] holds X(i, 0), X(i, 1), ... as far as they are known.
        rows = [[features] for features in self.encoder(image)]
        for column in range(1, len(rows)):
            for level in range(len(rows) - column):
                larger = self.up[f"{level}_{column}"](rows[level + 1][column - 1])
                rows[level].append(self.nodes[f"{level}_{column}"](torch.cat([*rows[level], larger], dim=1)))
        logits = [head(rows[0][int(column)]) for column, head in self.heads.items()]
        if self.training and len(logits) > 1:
            return torch.stack(logits)
        return torch.stack(logits).mean(dim=0) if self.deep_supervision == "mean" else logits[-1]
