"""The first trained fold's model as ONNX, let through only if it predicts what torch predicts, with all that deploys it."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from segpipe import decided, evaluation, gate, parity, paths
from segpipe import export as onnx_export
from segpipe.console.progress import track
from segpipe.console.tables import format_table
from segpipe.dataset import pack
from segpipe.dataset.pack import Pack
from segpipe.dataset.split import folds
from segpipe.deployment import model_card, script
from segpipe.gate import Gate
from segpipe.inference import onnx_session
from segpipe.inference.average import over_flips
from segpipe.inference.predict import Forward
from segpipe.models import model_file
from segpipe.params.stage_keys import ExportKeys
from segpipe.parity import Example
from segpipe.reproducibility import versions
from segpipe.scores import extremes
from segpipe.storage.files import write_bytes, write_text
from segpipe.tracking import mlflow_runs
from segpipe.training import device
from segpipe.workflows import export_card
from segpipe.workflows.export_speed import speed
from segpipe.workflows.own_model import load_own_model

N_VARIED = 8
"""Images that are compared in every form, and not only as they are predicted: each costs as much as ten others."""


def export(params: ExportKeys) -> list[str]:
    """Writes model.onnx, model.safetensors (the same for torch), gate.json, predict.py and README.md to models/export.

    Returns what was found, in lines.

    Raises PipelineError where ONNX and torch are further apart than the limits of `export`, or the model or its scores are of
    other data than lies here. No file is written before the gate lets the model through.
    """
    versions.check()
    device.configure_determinism(params.threads, params.train.deterministic)
    fold = params.folds[0]
    data, parts, together = pack.open_pack(paths.PREPARED), folds.read(paths.FOLDS), folds.read_groups(paths.FOLDS)
    segmenter, card = load_own_model(fold, data.info)
    chosen = decided.read(paths.eval_folder(fold), fold)
    card = replace(card, decision=chosen.decision)
    results = export_card.own_results(card, parts)
    content = onnx_export.to_onnx(segmenter, card)
    forward, _ = onnx_session.from_bytes(content, "the exported model")
    # Images that the model was not trained on.
    part = evaluation.TEST if folds.test(parts) else evaluation.VAL
    there = folds.test(parts) or folds.train_and_validation(parts, fold)[1]
    ids = extremes.evenly(there, params.export.n_images)
    varied = set(extremes.evenly(ids, N_VARIED))
    both = onnx_session.both_outputs(content, card)
    passed = parity.compare(segmenter, forward, both, card, _examples(data, ids), varied, part, len(there))
    parity.require(passed, params.export)
    said = decided.sentence(chosen, card.classes)
    facts = export_card.facts(card, data, parts, together, results, passed, content, said)
    write_bytes(paths.ONNX, content)
    model_file.save(paths.EXPORTED_MODEL, segmenter, card)
    gate.write(paths.GATE, passed, params.export.model_dump(exclude={"n_images"}), onnx_export.OPSET)
    write_bytes(paths.DEPLOYED, script.content())
    write_text(paths.MODEL_CARD, model_card.render(facts))
    own = over_flips(segmenter.to(memory_format=torch.channels_last), card.infer.flips)
    forwards: dict[str, Forward] = {"onnx": forward, "torch": own}
    times, told = speed(forwards, data, ids[0], card.infer.max_pixels)
    mlflow_runs.reopen(params.tracking.experiment, card.fingerprint).metrics(times)
    return [*_table(passed), told]


def _examples(data: Pack, ids: list[str]) -> Iterator[Example]:
    for item in track(ids, "comparing ONNX with torch", after_s=1.0):
        yield item, data.image(item), data.mask(item)


def _table(passed: Gate) -> list[str]:
    """A row a form, and how far the scores are apart at most."""
    rows = [
        [each.name, str(each.images), f"{each.largest_difference:.1e}", f"{each.changed_pixels:.4%}"] for each in passed.forms
    ]
    furthest = max(gate.score_difference(pair) for pair in passed.scores.values())
    return [
        format_table(rows, ["ONNX against torch", "images", "logits differ by", "pixels change"]),
        f"scores differ by {furthest:.1e} at most, on {passed.images} of {passed.of} {passed.part} images",
    ]
