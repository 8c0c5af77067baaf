"""What architectures take, as lines for the console."""

import textwrap
from typing import Any

from segpipe.console.tables import format_table
from segpipe.diagnostics.architecture_costs import Failed, Row
from segpipe.diagnostics.layer_table import Layer
from segpipe.workflows.model_costs import GIB, ModelCosts

MIB = 2**20
COLUMNS = ("parameters", "multiply-adds", "memory", "forward", "largest batch")
WIDTH = 100
"""Characters of a line of notes below the table."""


def lines(costs: ModelCosts) -> list[str]:
    """The layers if there are some, what holds for all rows, the table, and what is to be known beside the numbers."""
    table = [_table(costs.configured, costs.rows), "", *_notes(costs.about, costs.rows)]
    return [*_layer_lines(costs.layers), *_head_lines(costs.about), "", *table]


def conclusion(costs: ModelCosts, name: str) -> tuple[str, str]:
    """The result in words, and what to run next; `name` is the one architecture that was asked for, or empty."""
    built = [each for each in costs.rows if isinstance(each, Row)]
    if name:
        shown = f"stride {built[0].stride}: the sides of crops and tiles are multiples of it" if built else "not measured"
        return f"{name}, {shown}", f"dvc exp run -S model.name={name}"
    return (
        f"{len(built)} of {len(costs.rows)} architectures fit these settings",
        "segpipe models NAME shows its layers, dvc exp run -S model.name=NAME trains it",
    )


def _head_lines(about: dict[str, Any]) -> list[str]:
    return [
        f"{about['channels']} channels, {about['classes']} classes ({about['source']})",
        f"crops of {about['crop']} x {about['crop']} pixels, batches of {about['batch_size']}, "
        f"{about['optimizer']}, {about['precision']}, on {about['device']}",
        f"largest batch: within {about['available_bytes'] / GIB:.1f} GiB, {about['available_is']}",
    ]


def _table(configured: str, rows: list[Row | Failed]) -> str:
    names = [f"{'>' if each.name == configured else ' '} {each.name}" for each in rows]
    cells = [_cells(each) if isinstance(each, Row) else ["-"] * len(COLUMNS) for each in rows]
    return format_table([[name, *held] for name, held in zip(names, cells, strict=True)], ["  model", *COLUMNS])


def _cells(row: Row) -> list[str]:
    return [
        f"{_short(row.parameters / 1e6)} M",
        f"{_short(row.multiply_adds / 1e9)} G",
        _size(row.peak_bytes),
        f"{row.forward_seconds * 1000:.1f} ms",
        str(row.largest_batch) if row.largest_batch else "none fits",
    ]


def _notes(about: dict[str, Any], rows: list[Row | Failed]) -> list[str]:
    """What is to be known beside the numbers, each once, in lines of the table's width."""
    names: dict[str, list[str]] = {}
    for each in rows:
        for text in [each.reason] if isinstance(each, Failed) else each.notes:
            names.setdefault(text, []).append(each.name)
    notes = [f"{', '.join(few)}: {text}" for text, few in names.items()]
    notes.append("> is model.name. multiply-adds and forward: one image; forward: the median of a few passes.")
    notes.append(f"memory: the peak of a training step, {about['memory_is']}.")
    if about["memory_is"] == "computed":
        notes[-1] += (
            " A process takes more: about 1 GiB for Python and torch, and up to half the peak again for freed memory that "
            "the C library keeps, unless MALLOC_MMAP_THRESHOLD_=65536 stands in the environment."
        )
    return [line for text in notes for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")]


def _layer_lines(layers: list[Layer]) -> list[str]:
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


def _short(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _size(count: int) -> str:
    return f"{count / MIB:.0f} MiB" if count < 10 * GIB else f"{count / GIB:.1f} GiB"
