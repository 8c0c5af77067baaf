"""DPT (Ranftl et al. 2021, arXiv:2103.13413) on a vision transformer whose patch is no power of two, such as DINOv2's 14.

smp's DPT brings its maps to a 4th, 8th, 16th and 32nd of the image, which no whole factors do from a 14th. Here they are 4, 2, 1
and 1/2 times as large as the grid of patches, whatever a patch is, and the logits are enlarged to the image.
"""

from collections.abc import Sequence

from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder, DPTSegmentationHead
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 256
"""Channels of the decoder's maps, smp's own number."""
LIKE_SMP = 16
"""The patch of which smp's decoder makes maps of 4, 2, 1 and 1/2 times the grid."""


class PatchDPT(nn.Module):
    """Maps (N, C, H, W) to logits (N, n_logits, H, W), for H and W that are multiples of `stride`, the encoder's patch."""

    def __init__(self, encoder: TimmViTEncoder, n_logits: int) -> None:
        super().__init__()
        self.stride = int(encoder.output_stride)
        self.encoder = encoder
        strides = [LIKE_SMP] * len(encoder.out_channels)
        self.decoder = GridDecoder(encoder.out_channels, strides, encoder.has_prefix_tokens, fusion_channels=WIDTH)
        self.head = DPTSegmentationHead(WIDTH, n_logits).get_submodule("head")
        initialize_decoder(self.decoder)
        initialize_head(self.head)

    def forward(self, image: Tensor) -> Tensor:
        features, prefix_tokens = self.encoder(image)
        logits: Tensor = self.head(self.decoder(features, prefix_tokens))
        return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=True)


class GridDecoder(DPTDecoder):  # type: ignore[misc]
    """smp's decoder for grids of odd sizes too: half of one is rounded up, so that twice the half is one too many."""

    def forward(self, features: Sequence[Tensor], prefix_tokens: Sequence[Tensor | None]) -> Tensor:
        parts = zip(self.projection_blocks, self.reassemble_blocks, features, prefix_tokens, strict=True)
        deepest, *finer = reversed([resize(project(tokens, prefix)) for project, resize, tokens, prefix in parts])
        first, *fusions = self.fusion_blocks
        fused: Tensor = first(deepest)
        for fusion, beside in zip(fusions, finer, strict=True):
            fused = fusion(beside, fused[..., : beside.shape[2], : beside.shape[3]])
        return fused
