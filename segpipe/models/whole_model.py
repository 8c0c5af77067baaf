"""The whole model by the names in params.yaml: the network of its file inside the segmenter."""

from collections.abc import Sequence

from segpipe.models.layers import depthwise
from segpipe.models.segmenter import Scales, Segmenter, clips, n_logits_for
from segpipe.models.table import build
from segpipe.params.schema import ModelParams


def whole_model(
    params: ModelParams, channels: int, n_classes: int, normalise: str, mean: Sequence[float], deviation: Sequence[float]
) -> tuple[Segmenter, str | None]:
    """The model with its first weights, and the SHA-256 of those that its encoder was given, None where it was given none.

    `normalise` is the rule of input.normalise, `mean` and `deviation` are the numbers of each channel that follow from it.
    Raises PipelineError for an encoder or weights that are not to be had.
    """
    built = build(params, channels, n_logits_for(n_classes))
    depthwise.use_in(built.network)
    # What is left of the enlargement when the network has taken its own part of it back.
    scales = Scales(params.input_scale, params.input_scale // built.reduction)
    return Segmenter(built.network, built.stride, mean, deviation, clips(normalise), scales), built.weights_sha256
