"""The first trained fold's model as ONNX, let through only if it predicts what torch predicts."""

from dataclasses import replace

import torch

from segpipe import decided, gate, paths
from segpipe import export as onnx_export
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.gate import Gate
from segpipe.inference import onnx_session
from segpipe.models import model_file
from segpipe.params.stage_keys import ExportKeys
from segpipe.reproducibility import versions
from segpipe.storage.files import write_bytes
from segpipe.training import device
from segpipe.workflows.own_model import load_own_model


def export(params: ExportKeys) -> Gate:
    """Writes models/export: model.onnx, model.safetensors (the same for torch) and gate.json; returns how far they are apart.

    Raises PipelineError where they are further apart than `export.tolerance`, or the model is of other data than lies here.
    """
    versions.check()
    device.configure_determinism(params.threads, params.train.deterministic)
    fold = params.folds[0]
    data = pack.open_pack(paths.PREPARED)
    segmenter, card = load_own_model(fold, data.info)
    card = replace(card, decision=decided.read(paths.eval_folder(fold), fold).decision)
    content = onnx_export.to_onnx(segmenter, card)
    # Out of memory: no file is written before the gate lets it through.
    forward, _ = onnx_session.from_bytes(content, "the exported model")
    parts = folds.read(paths.FOLDS)
    # Images that the model was not trained on.
    ids = folds.test(parts) or folds.train_and_validation(parts, fold)[1]
    images = ((item, data.image(item)) for item in ids[: params.export.n_images])
    with torch.inference_mode():
        passed = onnx_export.compare(segmenter, forward, card, images)
    onnx_export.require(passed, params.export.tolerance)
    write_bytes(paths.ONNX, content)
    model_file.save(paths.EXPORTED_MODEL, segmenter, card)
    gate.write(paths.GATE, passed, params.export.tolerance, onnx_export.OPSET)
    return passed
