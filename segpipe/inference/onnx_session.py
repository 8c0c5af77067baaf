"""An exported model as a forward function, with the card it carries."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from segpipe.errors import PipelineError
from segpipe.inference.predict import Forward
from segpipe.models.model_file import Card, require_finite
from segpipe.reproducibility import versions
from segpipe.storage import checksummed

INPUT, OUTPUT, LABELS = "image", "logits", "labels"
SEAL_KEY = "segpipe_seal"
# The value of a metadata entry: 0x12 marks field 2, of bytes, and '@' is their number, 64.
MARK = re.compile(SEAL_KEY.encode("ascii") + rb"\x12@([0-9a-f]{64})")
"""How the seal stands in the file: a protobuf string of 64 bytes."""
Both = Callable[[Tensor], tuple[Tensor, Tensor]]
"""(N, C, H, W) values in [0, 1] to logits (N, K, H, W) and class ids (N, H, W), uint8."""
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def load(path: Path) -> tuple[Forward, Card]:
    """The forward function on the CPU, with the threads of the training, and the card.

    Raises PipelineError for a file that `dvc repro export` did not make.
    """
    if not path.is_file():
        raise PipelineError(f"{path}: no such model. Run `dvc repro export`, or name the file with --model.")
    return from_bytes(path.read_bytes(), str(path))


def from_bytes(content: bytes, name: str) -> tuple[Forward, Card]:
    """As `load`, for bytes not yet in a file. Raises PipelineError, too, where a weight in them is not finite."""
    try:
        checksummed.check(content, MARK)
        model = onnx.load_model_from_string(content)
        # The seal covers this file alone.
        if any(tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model)):
            raise ValueError("its weights are to come from another file")
        card = Card.from_dict(json.loads({entry.key: entry.value for entry in model.metadata_props}[checksummed.KEY]))
        _keep_logits(model.graph)
        session = _session(model.SerializeToString(), card)
    except Exception as error:  # Neither library's errors have a common class but this one.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PipelineError(f"{name}: not a model that segpipe exported, or damaged ({reason}).") from None
    require_finite({tensor.name: _is_finite(tensor) for tensor in _tensors(model)}, name)
    versions.compare(card.training.get("versions", {}), name)
    return _forward(session.run), card


def both_outputs(content: bytes, card: Card) -> Both:
    """Of an exported model as it is in its file, (N, C, H, W) values to its logits and its labels, for the gate."""
    session = _session(content, card)

    def forward(image: Tensor) -> tuple[Tensor, Tensor]:
        logits, labels = session.run([OUTPUT, LABELS], {INPUT: image.contiguous().numpy()})
        return torch.from_numpy(logits), torch.from_numpy(labels)

    return forward


def _session(content: bytes, card: Card) -> Any:
    options = onnxruntime.SessionOptions()
    # Threads change the last digits, as they do in torch.
    options.intra_op_num_threads = card.training["params"]["threads"]
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _keep_logits(graph: onnx.GraphProto) -> None:
    """Takes out the operations that only the labels need: ONNX Runtime would run them though nobody asks for labels.

    The class ids come from the logits here, since whether these are finite has to be seen. Older files have no labels.
    """
    needed, kept = {OUTPUT}, []
    # Each operation stands after those that it needs.
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    outputs = [each for each in graph.output if each.name == OUTPUT]
    del graph.node[:], graph.output[:]
    graph.node.extend(reversed(kept))
    graph.output.extend(outputs)


def _tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor anywhere in it: the weights, and the constants of its operations."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    values = (value for field, value in message.ListFields() if field.message_type)
    for value in values:
        # A single message has ListFields, a repeated field holds several.
        for each in [value] if hasattr(value, "ListFields") else value:
            yield from _tensors(each)


def _is_finite(tensor: onnx.TensorProto) -> bool:
    """Whether it holds no NaN, and no infinite number unless it is one number: a bound of an operation may be that."""
    if tensor.data_type not in FLOATS:
        return True
    values = onnx.numpy_helper.to_array(tensor)
    return bool(np.isfinite(values).all()) if values.ndim else not bool(np.isnan(values))


def _forward(run: Callable[..., list[object]]) -> Forward:
    def forward(image: Tensor) -> Tensor:
        return torch.from_numpy(run([OUTPUT], {INPUT: image.contiguous().numpy()})[0])

    return forward
