"""A trained model as one ONNX file that says all of itself: image values in, logits and class ids out, for any size."""

import contextlib
import copy
import io
import json
import logging
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.images.palette import colours
from segpipe.inference.average import over_flips
from segpipe.inference.onnx_session import INPUT, LABELS, MARK, OUTPUT, SEAL_KEY
from segpipe.models.decision import bound_of
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.storage import checksummed

OPSET = 20
AXES = {4: ("batch", "channels", "height", "width"), 3: ("batch", "height", "width")}
"""What the axes of an input or output are called, by how many it has."""
ABOUT = (
    "image: float32 (batch, channels, height, width), the values of the file divided by 255, or by 65535 where it has 16 bits; "
    "normalisation and padding are inside. logits: float32, of the same height and width, one channel a class, or one for two "
    "classes. labels: uint8 (batch, height, width) class ids, of the largest logit, the first of equals; of one logit whether it "
    "is above a bound, 0 if no other was chosen. Metadata: classes and colours, a JSON list each, in the order of the ids; "
    "segpipe, the card of the training."
)
"""What a stranger to segpipe has to know, shown by whatever displays ONNX files."""
ABOUT_FLIPS = " The softmax of the logits, or their sigmoid, is the mean over the image and flips of it."
"""What is to be added where there are flips."""


class WithLabels(nn.Module):
    """A segmenter over flips with a second output: (N, C, H, W) values to its logits and to (N, H, W) class ids, uint8.

    `flips` are those of infer.flips, and `bound` is what a single logit is to be above.
    """

    def __init__(self, segmenter: Segmenter, flips: str, bound: float) -> None:
        super().__init__()
        self.segmenter, self.flips, self.bound = segmenter, flips, bound

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What `decide` makes of finite logits, in operations that can be traced."""
        logits = over_flips(self.segmenter, self.flips)(image)
        labels = logits[:, 0] > self.bound if logits.shape[1] == 1 else logits.argmax(dim=1)
        return logits, labels.to(torch.uint8)


def to_onnx(segmenter: Segmenter, card: Card) -> bytes:
    """The model for any batch and image size, with its card; the same weights give the same bytes.

    Its outputs are `logits`, float32 (N, K, H, W), and `labels`, uint8 (N, H, W). The mean over infer.flips is inside, so its
    card asks for none. Raises PipelineError where the architecture cannot be exported.
    """
    try:
        with _silence(), torch.no_grad():
            program = torch.onnx.export(
                _captured(_plain_activations(segmenter.cpu().eval()), card),
                input_names=[INPUT],
                output_names=[OUTPUT, LABELS],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # The exporter has no error class of its own.
        reason = str(error).splitlines()[0]
        raise PipelineError(f"model.name {card.model.name} cannot be exported to ONNX: {reason}") from error
    assert program is not None, "torch returns a program when it is given no file"
    about = ABOUT if card.infer.flips == "none" else ABOUT + ABOUT_FLIPS
    return _plain(program.model_proto, card.without_flips(), about)


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


def _captured(segmenter: Segmenter, card: Card) -> torch.export.ExportedProgram:
    """Its operations for any batch, height and width.

    By torch.export itself: what torch.onnx.export calls for it defers the checks of sizes, and cannot solve those of a
    ResNet whose skips are gated.
    """
    free = torch.export.Dim.DYNAMIC
    # Two images: torch.export takes a size of 1 for one that never changes. The sides differ, as they will.
    example = torch.zeros(2, card.channels, 2 * segmenter.stride, 3 * segmenter.stride)
    shapes = {INPUT: {0: free, 2: free, 3: free}}
    whole = WithLabels(segmenter, card.infer.flips, bound_of(card.decision)).eval()
    return torch.export.export(whole, (example,), dynamic_shapes=shapes, strict=False)


def _plain(model: onnx.ModelProto, card: Card, about: str) -> bytes:
    """Takes out what torch writes of source files and builds, names the axes, and adds what the model says of itself."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    graph.ClearField("value_info")
    # Without the build (+cpu, +cu126), which says nothing of the model.
    model.producer_version = model.producer_version.split("+")[0]
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        for axis, dimension in zip(AXES[len(dimensions)], dimensions, strict=True):
            # In place of torch's own names of free sizes, such as s77.
            if dimension.dim_param:
                dimension.dim_param = axis
    model.doc_string = about
    said = {checksummed.KEY: card.to_dict(), "classes": card.classes, "colours": colours(len(card.classes))}
    props = {name: json.dumps(each, sort_keys=True, ensure_ascii=False) for name, each in said.items()}
    onnx.helper.set_model_props(model, props | {SEAL_KEY: checksummed.BLANK})
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
