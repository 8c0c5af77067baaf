"""Small models with their cards."""

import onnx
import torch

from segpipe.inference import onnx_session
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import build
from segpipe.storage import checksummed
from tests import plain_params

PARAMS = plain_params.PARAMS


def small(classes: int = 3, channels: int = 3, bits: int = 8, seed: int = 2) -> tuple[Segmenter, Card]:
    """A U-Net of width 4 and depth 2 with random weights, in evaluation mode. Its predictions hold several classes."""
    torch.manual_seed(seed)
    model = PARAMS.model.model_copy(update={"width": 4, "depth": 2})
    built = build(model, channels, n_logits_for(classes))
    head = built.network.head
    assert isinstance(head, torch.nn.Conv2d)
    torch.nn.init.normal_(head.weight, std=3.0)
    segmenter = Segmenter(built.network, built.stride, [0.5] * channels, [0.25] * channels)
    names = ("background", *(f"class {number}" for number in range(1, classes)))
    card = Card(names, True, channels, bits, 0, model, PARAMS.infer, "f" * 64, 0, {"params": {"threads": 1}})
    return segmenter.eval(), card


def sealed(model: onnx.ModelProto) -> bytes:
    """An exported model that was changed, as a file that takes itself for whole."""
    next(entry for entry in model.metadata_props if entry.key == onnx_session.SEAL_KEY).value = checksummed.BLANK
    return checksummed.closed(model.SerializeToString(deterministic=True), onnx_session.MARK)
