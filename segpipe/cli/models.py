"""segpipe models: what each architecture takes at the configured size, and what one is made of, layer by layer."""

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segpipe.console import command
from segpipe.console.tables import format_table
from segpipe.errors import PipelineError

if TYPE_CHECKING:
    from segpipe.diagnostics.architecture_costs import Failed, Row
    from segpipe.diagnostics.layer_table import Layer
    from segpipe.params.schema import Params

GIB, MIB = 2**30, 2**20
COLUMNS = ("parameters", "multiply-adds", "memory", "forward", "largest batch")
WIDTH = 100
"""Characters of a line of notes below the table."""


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
    from segpipe.params.load import load_params

    every = _changed(load_params(), crop, batch)
    if memory is not None and not 0 < memory < float("inf"):
        raise PipelineError(f"--memory: {memory} GiB will not do. Write a number above 0.")

    from segpipe.diagnostics import architecture_costs

    if name:
        architecture_costs.refuse_unknown(name)
    about, rows, layers = _look(every, name, memory)
    if as_json:
        import json

        found = about | {"models": [_plain(every, each) for each in rows]}
        print(json.dumps(found | ({"layers": [asdict(each) for each in layers]} if name else {}), indent=2))
        return
    for line in [*_layer_lines(layers), *_head_lines(about), "", _table(every, rows), "", *_notes(about, rows)]:
        print(line)
    _end(rows, name)


def _changed(every: "Params", crop: int | None, batch: int | None) -> "Params":
    """The parameters with the options' values, which need not suit the configured model: other models may."""
    size = {} if crop is None else {"crop": crop}
    count = {} if batch is None else {"batch_size": batch}
    return every.model_copy(update={"input": every.input.model_copy(update=size), "train": every.train.model_copy(update=count)})


def _look(every: "Params", name: str, memory: float | None) -> tuple[dict[str, Any], "list[Row | Failed]", "list[Layer]"]:
    """What holds for all rows, the rows, and the layers of the one that is named."""
    from segpipe.console.progress import track
    from segpipe.diagnostics import architecture_costs, layer_table
    from segpipe.diagnostics import memory as memories
    from segpipe.models.table import MODELS
    from segpipe.training import device as devices
    from segpipe.training import precision

    device = devices.select_device(every.runtime.device)
    precision.scaler(every.train.precision, device)
    devices.configure_determinism(every.threads, every.train.deterministic)
    setting, source = architecture_costs.setting_of(every)
    room = memories.available_memory(device) if memory is None else round(memory * GIB)
    about = {
        "channels": setting.channels,
        "classes": setting.n_classes,
        "source": source,
        "crop": setting.crop,
        "batch_size": setting.train.batch_size,
        "optimizer": setting.optim.name,
        "precision": setting.train.precision,
        "device": devices.describe(device),
        "memory_is": "measured" if device.type == "cuda" else "computed",
        "room_bytes": room,
        "room_is": "given by --memory" if memory is not None else "all that this device has",
    }
    size = (setting.channels, setting.crop, setting.crop)
    found = (
        layer_table.layers(architecture_costs.build(every, architecture_costs.configured(every.model, name), setting), size)
        if name
        else []
    )
    names = [name] if name else MODELS
    return about, [architecture_costs.row(every, each, setting, room, device) for each in track(names, "measuring")], found


def _head_lines(about: dict[str, Any]) -> list[str]:
    return [
        f"{about['channels']} channels, {about['classes']} classes ({about['source']})",
        f"crops of {about['crop']} x {about['crop']} pixels, batches of {about['batch_size']}, "
        f"{about['optimizer']}, {about['precision']}, on {about['device']}",
        f"largest batch: within {about['room_bytes'] / GIB:.1f} GiB, {about['room_is']}",
    ]


def _table(every: "Params", rows: "list[Row | Failed]") -> str:
    from segpipe.diagnostics.architecture_costs import Row

    names = [f"{'>' if each.name == every.model.name else ' '} {each.name}" for each in rows]
    cells = [_cells(each) if isinstance(each, Row) else ["-"] * len(COLUMNS) for each in rows]
    return format_table([[name, *held] for name, held in zip(names, cells, strict=True)], ["  model", *COLUMNS])


def _cells(row: "Row") -> list[str]:
    return [
        f"{_short(row.parameters / 1e6)} M",
        f"{_short(row.multiply_adds / 1e9)} G",
        _size(row.peak_bytes),
        f"{row.forward_seconds * 1000:.1f} ms",
        str(row.largest_batch) if row.largest_batch else "none fits",
    ]


def _notes(about: dict[str, Any], rows: "list[Row | Failed]") -> list[str]:
    """What is to be known beside the numbers, each once, in lines of the table's width."""
    from segpipe.diagnostics.architecture_costs import Failed

    names: dict[str, list[str]] = {}
    for each in rows:
        for text in [each.reason] if isinstance(each, Failed) else each.notes:
            names.setdefault(text, []).append(each.name)
    told = [f"{', '.join(few)}: {text}" for text, few in names.items()]
    told.append("> is model.name. multiply-adds and forward: one image; forward: the median of a few passes.")
    told.append(f"memory: the peak of a training step, {about['memory_is']}.")
    if about["memory_is"] == "computed":
        told[-1] += (
            " A process takes more: about 1 GiB for Python and torch, and up to half the peak again for freed memory that "
            "the C library keeps, unless MALLOC_MMAP_THRESHOLD_=65536 stands in the environment."
        )
    return [line for text in told for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")]


def _layer_lines(layers: "list[Layer]") -> list[str]:
    """A line a layer, and the sums; nothing for no layers."""
    if not layers:
        return []
    rows = [
        [
            each.name.removeprefix("network."),
            f"{each.kind} x {each.calls}" if each.calls > 1 else each.kind,
            "x".join(map(str, each.shape)) if each.calls else "not called",
            f"{each.parameters:,}" if each.parameters else "",
            f"{each.multiply_adds / 1e6:,.2f} M" if each.multiply_adds else "",
        ]
        for each in layers
    ]
    parameters, multiply_adds = sum(each.parameters for each in layers), sum(each.multiply_adds for each in layers)
    rows.append(["sum", "", "", f"{parameters:,}", f"{multiply_adds / 1e6:,.2f} M"])
    return [format_table(rows, ["layer", "kind", "output", "parameters", "multiply-adds"], n_left=3), ""]


def _end(rows: "list[Row | Failed]", name: str) -> None:
    from segpipe.diagnostics.architecture_costs import Row

    built = [each for each in rows if isinstance(each, Row)]
    if name:
        told = f"stride {built[0].stride}: the sides of crops and tiles are multiples of it" if built else "not measured"
        command.done(f"{name}, {told}", f"dvc exp run -S model.name={name}")
        return
    command.done(
        f"{len(built)} of {len(rows)} architectures fit these settings",
        "segpipe models NAME shows its layers, dvc exp run -S model.name=NAME trains it",
    )


def _plain(every: "Params", each: "Row | Failed") -> dict[str, Any]:
    return asdict(each) | {"configured": each.name == every.model.name}


def _short(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _size(count: int) -> str:
    return f"{count / MIB:.0f} MiB" if count < 10 * GIB else f"{count / GIB:.1f} GiB"
