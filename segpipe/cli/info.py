"""segpipe info: what a model file says of itself, and whether it is whole."""

import json
from pathlib import Path
from typing import Annotated

import typer

from segpipe.console import command
from segpipe.console.tables import format_table


def info(
    model: Annotated[Path, typer.Argument(help="A model.safetensors or a model.onnx of segpipe.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Prints what a model was trained on, with and by: parameters, hashes, versions, device. Checks every byte first."""
    from segpipe.workflows import model_info

    card = model_info.read_card(model)
    if as_json:
        print(json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False))
        return
    print(format_table(model_info.lines(card), n_left=2))
    command.done(f"{model}: whole, every byte fits its checksum", f"segpipe predict IMAGE --model {model}")
