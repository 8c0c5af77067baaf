"""Vision transformers by their names in timm, and the decoder behind them, made small."""

from functools import partial

import pytest
import timm

from segpipe.models.layers import patch_dpt

DINOV2 = "tu-vit_small_patch14_dinov2"
REGISTERS = "tu-vit_small_patch14_reg4_dinov2"
CHANNELS, BLOCKS, HEADS = 24, 4, 2
DECODED = (8, 12, 16, 16)
"""Channels of the decoder's maps, from the finest on."""


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on timm makes every network with 4 blocks of 24 channels, which for DINOv2's are a hundredth of its weights."""
    smaller = partial(timm.create_model, embed_dim=CHANNELS, depth=BLOCKS, num_heads=HEADS)
    monkeypatch.setattr(timm, "create_model", smaller)


def make_decoder_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the decoder for patches that are no power of two has a tenth of its channels."""
    monkeypatch.setattr(patch_dpt, "WIDTH", DECODED[-1])
    monkeypatch.setattr(patch_dpt, "GridDecoder", partial(patch_dpt.GridDecoder, intermediate_channels=DECODED))
