"""Stage export: the first trained fold's model as ONNX, let through only if it predicts what torch predicts."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import ExportKeys


def main() -> None:
    """Writes models/export/model.onnx and gate.json, what was compared and how far the two are apart."""
    params = ExportKeys.of(load_params())

    from segpipe.workflows.export import export

    gate = export(params)
    print(f"ONNX and torch differ by {gate.largest_difference:.1e} at most on {gate.images} images")
    command.done(f"{paths.ONNX}", f"dvc repro report, or segpipe predict IMAGE --model {paths.ONNX.as_posix()}")


if __name__ == "__main__":
    command.run(main)
