"""A small U-Net to begin with: 16 channels at the top, three levels below it, nothing to set."""

from segpipe.models.layers.style import Style
from segpipe.models.table import Built
from segpipe.models.unet import unet
from segpipe.params.schema import ModelParams

WIDTHS = (16, 32, 64, 128)
STYLE = Style(activation="relu", norm="batch", dropout=0.0, upsample="transposed")


def from_params(params: ModelParams, in_channels: int, n_logits: int) -> Built:
    """The preset; of `params` only the name is read."""
    return Built(unet(in_channels, n_logits, WIDTHS, STYLE), 2 ** (len(WIDTHS) - 1), None)
