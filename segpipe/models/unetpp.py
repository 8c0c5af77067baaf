"""U-Net++ (Zhou et al. 2018, arXiv:1807.10165): between encoder and decoder stand nodes that read all nodes before them.

X(i, 0) is the encoder's level i. X(i, j) reads X(i, 0) to X(i, j - 1) and the enlarged X(i + 1, j - 1): equation 1 of the paper.
So X(0, d) needs no node with i + j above d, and the network holds a U-Net++ of each smaller depth (segpipe/models/pruning.py).

What the paper leaves open is as in its authors' Keras code (MrGiovanni/UNetPlusPlus): a node is two 3 x 3 convolutions with its
level's width, a map is enlarged to that width by a transposed convolution, a head is a 1 x 1 convolution. Ours differs in
normalisation, which that code has none of, and in where dropout stands, which that code has behind every convolution.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers import style as styles
from segpipe.models.layers.style import Style
from segpipe.models.table import Built
from segpipe.models.unet import double_conv_encoder
from segpipe.params.schema import ModelParams


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The network; it has no pretrained weights, and `params.weights` is not read."""
    widths = styles.widths(params.width, params.depth + 1)
    network = UNetPlusPlus(in_channels, n_logits, widths, params.deep_supervision, styles.from_params(params))
    return Built(network, 2**params.depth, None)


class UNetPlusPlus(nn.Module):
    """Maps (N, C, H, W) to logits (N, n_logits, H, W), for H and W that are multiples of 2 to the depth.

    With `deep_supervision` none only X(0, depth) has a head. With last or mean each top node X(0, 1) to X(0, depth) has one, and
    in training all logits come out, (depth, N, n_logits, H, W). In evaluation last gives those of X(0, depth) alone, the
    paper's fast mode without pruning; mean gives those of the heads' mean probability, its accurate mode.
    """

    def __init__(self, in_channels: int, n_logits: int, widths: Sequence[int], deep_supervision: str, style: Style) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision
        depth = len(widths) - 1
        self.encoder = double_conv_encoder(in_channels, widths, style)
        self.up = nn.ModuleDict()
        self.nodes = nn.ModuleDict()
        for column in range(1, depth + 1):
            for level in range(depth + 1 - column):
                own, deep = widths[level], widths[level + 1]
                self.up[f"{level}_{column}"] = style.up(deep, own)
                # `column` maps of its own level before it, and the enlarged one from below.
                self.nodes[f"{level}_{column}"] = style.double_conv((column + 1) * own, own)
        first = depth if deep_supervision == "none" else 1
        self.heads = nn.ModuleDict({str(column): nn.Conv2d(widths[0], n_logits, 1) for column in range(first, depth + 1)})

    def forward(self, image: Tensor) -> Tensor:
        top = self.top_row(image)
        if self.deep_supervision == "none" or (self.deep_supervision == "last" and not self.training):
            logits: Tensor = self.heads[str(len(top) - 1)](top[-1])
            return logits
        branches = torch.stack([head(top[int(column)]) for column, head in self.heads.items()])  # (B, N, K, H, W)
        return branches if self.training else of_mean_probability(branches)

    def top_row(self, image: Tensor) -> list[Tensor]:
        """X(0, 0) to X(0, depth)."""
        # rows[i] holds X(i, 0), X(i, 1), ... as far as they are known.
        rows = [[features] for features in self.encoder(image)]
        for column in range(1, len(rows)):
            for level in range(len(rows) - column):
                upsampled = self.up[f"{level}_{column}"](rows[level + 1][column - 1])
                rows[level].append(self.nodes[f"{level}_{column}"](torch.cat([*rows[level], upsampled], dim=1)))
        return rows[0]


def of_mean_probability(branches: Tensor) -> Tensor:
    """(B, N, K, H, W) logits to the logits (N, K, H, W) whose probabilities are the mean of the B branches'.

    The paper averages what its branches put out, which is probabilities. A mean of the logits would be another thing: one branch
    that is very sure outweighs all others there, and the largest mean may belong to another class.
    """
    # For one logit that of the mean p, log(sum p) - log(sum (1 - p)), in which both sums' 1 / B cancel.
    if branches.shape[2] == 1:
        return F.logsigmoid(branches).logsumexp(dim=0) - F.logsigmoid(-branches).logsumexp(dim=0)
    # log of the mean p, of which a softmax makes the mean p again.
    return F.log_softmax(branches, dim=2).logsumexp(dim=0) - math.log(len(branches))
