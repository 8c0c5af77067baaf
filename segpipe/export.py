"""A trained model as one ONNX file, and the gate that lets it through: it must predict what torch predicts."""

import contextlib
import copy
import io
import json
import logging
import math
import warnings
from collections.abc import Iterable
from typing import Any

import onnx
import torch
from numpy.typing import NDArray

from segpipe.errors import PipelineError
from segpipe.gate import Gate
from segpipe.inference.onnx_session import INPUT, MARK, OUTPUT, SEAL_KEY
from segpipe.inference.predict import Forward, predict_classes, predict_logits
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter, classes_of
from segpipe.storage import checksummed

OPSET = 20
AXES = ("batch", "channels", "height", "width")


def to_onnx(segmenter: Segmenter, card: Card) -> bytes:
    """The model for any batch and image size, with its card; the same weights give the same bytes.

    Raises PipelineError where the architecture cannot be exported.
    """
    try:
        with _silence(), torch.no_grad():
            program = torch.onnx.export(
                _captured(_plain_activations(segmenter.cpu().eval()), card.channels),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # The exporter has no error class of its own.
        reason = str(error).splitlines()[0]
        raise PipelineError(f"model.name {card.model.name} cannot be exported to ONNX: {reason}") from error
    assert program is not None, "torch returns a program when it is given no file"
    return _plain(program.model_proto, card)


def _plain_activations(segmenter: Segmenter) -> Segmenter:
    """A copy whose activations write to memory of their own.

    The values are the same, but torch.onnx.export takes apart an activation that overwrites its input, and a clipped one
    (ReLU6) comes with all checks of free sizes: half of the export of an EfficientNet-Lite went there.
    """
    plain = copy.deepcopy(segmenter)
    module: Any  # nn.Module declares none of its attributes.
    for module in plain.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return plain


def _captured(segmenter: Segmenter, channels: int) -> torch.export.ExportedProgram:
    """Its operations for any batch, height and width.

    By torch.export itself: what torch.onnx.export calls for it defers the checks of sizes, and cannot solve those of a
    ResNet whose skips are gated.
    """
    free = torch.export.Dim.DYNAMIC
    # Two images: torch.export takes a size of 1 for one that never changes. The sides differ, as they will.
    example = torch.zeros(2, channels, 2 * segmenter.stride, 3 * segmenter.stride)
    return torch.export.export(segmenter, (example,), dynamic_shapes={INPUT: {0: free, 2: free, 3: free}}, strict=False)


def compare(segmenter: Segmenter, exported: Forward, card: Card, images: Iterable[tuple[str, NDArray[Any]]]) -> Gate:
    """Predicts each image, its id and (H, W, C), with both, on the CPU. Raises DataError where torch's logits are not finite."""
    cpu = torch.device("cpu")
    largest, same, pixels, count = 0.0, 0, 0, 0
    for name, image in images:
        wanted = predict_classes(segmenter, image, card.infer, card.long_side, cpu, name)
        # Its logits may not be finite: that is for the gate to say.
        found = predict_logits(exported, image, card.infer, card.long_side, cpu)
        apart = float((wanted.logits - found).abs().max())
        # No number is larger than a NaN, and max() would drop it.
        largest = max(largest, apart if math.isfinite(apart) else math.inf)
        same += int((wanted.classes == classes_of(found).numpy()).sum())
        pixels += wanted.classes.size
        count += 1
    return Gate(count, largest, same / max(pixels, 1))


def require(gate: Gate, tolerance: float) -> None:
    """Raises PipelineError where ONNX predicts something else than torch, or nothing was compared."""
    if not gate.images:
        raise PipelineError("no image was there to compare the ONNX model with torch on. It was not written. Add images.")
    if not gate.largest_difference <= tolerance:
        raise PipelineError(
            f"the ONNX model differs from torch by up to {gate.largest_difference:.2g} in a logit on {gate.images} images, "
            f"more than export.tolerance {tolerance:g} ({gate.same_pixels:.4%} of the pixels agree). It was not written. "
            "Raise export.tolerance if you can live with that."
        )


def _plain(model: onnx.ModelProto, card: Card) -> bytes:
    """Takes out what torch writes of source files and builds, names the axes, and adds the card."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    graph.ClearField("value_info")
    # Without the build (+cpu, +cu126), which says nothing of the model.
    model.producer_version = model.producer_version.split("+")[0]
    for value in (*graph.input, *graph.output):
        for axis, dimension in zip(AXES, value.type.tensor_type.shape.dim, strict=True):
            # In place of torch's own names of free sizes, such as s77.
            if dimension.dim_param:
                dimension.dim_param = axis
    card_json = json.dumps(card.to_dict(), sort_keys=True, ensure_ascii=False)
    onnx.helper.set_model_props(model, {checksummed.KEY: card_json, SEAL_KEY: checksummed.BLANK})
    onnx.checker.check_model(model)
    # deterministic: protobuf may write the entries of a map in any order otherwise.
    return checksummed.closed(model.SerializeToString(deterministic=True), MARK)


@contextlib.contextmanager
def _silence() -> Any:
    """The exporter tells of its progress and of torch's own deprecations; neither is for our user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
