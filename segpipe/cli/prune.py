"""segpipe prune: what a trained U-Net++ costs and scores at each depth, and the file of a smaller one."""

from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command
from segpipe.errors import PipelineError


def prune(
    model: Annotated[Path, typer.Argument(help="A model.safetensors of a unetpp with deep supervision.", show_default=False)],
    depth: Annotated[int | None, typer.Option(help="Write the model of this depth; without it a table of all is shown.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --depth: the new file.")] = None,
    size: Annotated[int, typer.Option(min=1, max=8192, help="Pixels, side of the square image that is counted and timed.")] = 256,
) -> None:
    """Cuts a trained U-Net++ down to one of its smaller depths, without training (Zhou et al. 2018, figure 1c).

    Shows each depth's cost, and its score on the fold's validation part where the project's data is there. With --depth and
    --out writes that depth as a model of its own.
    """
    if (depth is None) != (out is None):
        raise PipelineError("--depth and --out belong together: which depth to write, and to which file.")
    if out and out.resolve() == model.resolve():
        raise PipelineError(f"--out {out}: is the model itself, which would be lost. Name another file.")

    if model.suffix == ".onnx":
        raise PipelineError(f"{model}: an ONNX model cannot be pruned. Name the model.safetensors that it was exported from.")

    from segpipe.workflows import prune as workflow

    command.done(*workflow.prune(model, depth, out, size))
