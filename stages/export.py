"""Stage export: the first trained fold's model as ONNX, let through only if it predicts what torch predicts."""

from dataclasses import asdict
from pathlib import Path

from segpipe.console import command
from segpipe.params.load import load_params

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
EXPORT = Path("models/export")


def main() -> None:
    """Writes models/export/model.onnx and gate.json, what was compared and how far the two are apart."""
    every = load_params()

    import torch

    from segpipe import export
    from segpipe.dataset import pack
    from segpipe.dataset.split import folds
    from segpipe.inference import onnx_session
    from segpipe.models import model_file, origin
    from segpipe.reproducibility import versions
    from segpipe.reproducibility.fingerprint import data_hash
    from segpipe.storage.files import sha256_of, write_bytes, write_json
    from segpipe.training import device

    versions.check()
    device.settle(every.threads, every.train.deterministic)
    model = Path(f"models/fold{every.folds[0]}/model.safetensors")
    segmenter, card = model_file.load(model)
    data = pack.open_pack(PREPARED)
    origin.require_same_data(model, card, data.info, data_hash(PREPARED), sha256_of(FOLDS), every.folds[0])
    content = export.to_onnx(segmenter, card)
    forward, _ = onnx_session.from_bytes(content, "the exported model")
    parts = folds.read(FOLDS)
    ids = folds.test(parts) or folds.train_and_validation(parts, every.folds[0])[1]
    chosen = ids[: every.export.n_images]
    with torch.inference_mode():
        gate = export.compare(segmenter, forward, card, ((item, data.image(item)) for item in chosen))
    export.require(gate, every.export.tolerance)
    write_bytes(EXPORT / "model.onnx", content)
    write_json(EXPORT / "gate.json", asdict(gate) | {"tolerance": every.export.tolerance, "opset": export.OPSET})
    print(f"ONNX and torch differ by {gate.largest_difference:.1e} at most on {gate.images} images")
    command.done(f"{EXPORT / 'model.onnx'}", "dvc repro report, or segpipe predict IMAGE --model models/export/model.onnx")


if __name__ == "__main__":
    command.run(main)
