"""segpipe models: what each architecture takes at the configured size, and what one is made of, layer by layer."""

import json
from typing import Annotated

import typer

from segpipe.console import command


def models(
    name: Annotated[str, typer.Argument(help="One architecture: its layers.", show_default=False)] = "",
    memory: Annotated[
        float | None, typer.Option(help="GiB that a training step may take; all that the device has otherwise.")
    ] = None,
    crop: Annotated[int | None, typer.Option(help="Pixels, in place of input.crop.", min=16, max=4096)] = None,
    batch: Annotated[int | None, typer.Option(help="Images, in place of train.batch_size.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The numbers as JSON, bytes and seconds.")] = False,
) -> None:
    """Prints each architecture's parameters, multiply-adds, memory, speed and largest batch; with NAME its layers."""
    from segpipe.workflows import model_costs_text
    from segpipe.workflows.model_costs import model_costs

    costs = model_costs(name, memory, crop, batch)
    if as_json:
        print(json.dumps(costs.to_dict(), indent=2))
        return
    print("\n".join(model_costs_text.lines(costs)))
    command.done(*model_costs_text.conclusion(costs, name))
