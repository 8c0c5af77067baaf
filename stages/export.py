"""Stage export: the first trained fold's model as ONNX, let through only if it predicts what torch predicts."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import ExportKeys


def main() -> None:
    """Writes models/export: model.onnx, gate.json (how far ONNX and torch are apart), predict.py and README.md, its card."""
    params = ExportKeys.of(load_params())

    from segpipe.workflows.export import export

    for line in export(params):
        print(line)
    command.done(
        f"{paths.ONNX.as_posix()} and {paths.MODEL_CARD.as_posix()}",
        f"dvc repro report, or segpipe predict IMAGE --model {paths.ONNX.as_posix()}",
    )


if __name__ == "__main__":
    command.run(main)
