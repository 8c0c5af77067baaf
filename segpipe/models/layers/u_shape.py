"""The shape that all U-Nets have: an encoder's maps, level by level, and a decoder that reads each as a skip.

What differs between them is the blocks, and the gates that a skip passes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class UShape(nn.Module):
    """Maps (N, C, H, W) to logits (N, n_logits, H, W), for H and W that are multiples of the encoder's last stride."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.decoder(self.encoder(image)))
        return logits


class Encoder(nn.Module):
    """Gives the map of each block, the first at full size, each other at half the size of the one before."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        # (N, C0, H, W), (N, C1, H / 2, W / 2) and so on down to the bottom.
        features = [self.blocks[0](image)]
        for block in self.blocks[1:]:
            features.append(block(self.pool(features[-1])))
        return features


class Decoder(nn.Module):
    """From the deepest map upward: enlarges it, puts the gated skip of the new size before it, and runs a block.

    A gate maps (skip, deep), deep being the map of the level below, to what is left of the skip, of the same shape. Where there
    are fewer skips than levels (a ResNet gives none at full size), the last levels do without, and need no gate.
    """

    def __init__(self, up: Iterable[nn.Module], gates: Iterable[nn.Module], blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.up = nn.ModuleList(up)
        self.gates = nn.ModuleList(gates)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, features: list[Tensor]) -> Tensor:
        *skips, deep = features
        for level, (up, block) in enumerate(zip(self.up, self.blocks, strict=True)):
            # A skip's gate sees `deep` before it is enlarged: (N, C, h, w) beside the skip's (N, C', 2h, 2w).
            upsampled = up(deep)
            if skips:
                skip = self.gates[level](skips.pop(), deep)
                upsampled = torch.cat([skip, upsampled], dim=1)
            deep = block(upsampled)
        return deep


class PassThrough(nn.Module):
    """The gate of a plain U-Net: the skip passes as it is."""

    def forward(self, skip: Tensor, deep: Tensor) -> Tensor:
        return skip
