"""Curves as SVG that takes the page's own font and colours, light and dark."""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from segpipe.evaluation import FoldResults

if TYPE_CHECKING:  # matplotlib takes a second, and pages without a curve need none of it.
    from matplotlib.axes import Axes

INK, GRID = "#010101", "#020202"
SERIES = ("#030303", "#040404")
"""Stand-ins: matplotlib draws with them, and the page's CSS variables take their place."""

VARIABLES = {INK: "var(--soft)", GRID: "var(--line)", SERIES[0]: "var(--one)", SERIES[1]: "var(--two)"}
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.constrained_layout.use": True,
}


def curves(results: Sequence[FoldResults], columns: Sequence[str], unit_range: bool) -> str:
    """An inline SVG: up to two columns of the folds' histories over the epochs, counted from 1.

    A dot marks each fold's best epoch, where run.json names it. `unit_range` fixes the axis to 0 .. 1.
    """
    return drawn(lambda axes: _curves(axes, results, columns, unit_range), " ".join(columns), (4.6, 2.7))


def drawn(draw: "Callable[[Axes], None]", salt: str, size: tuple[float, float]) -> str:
    """What `draw` puts on the axes as an inline SVG of `size` inches, the same bytes each time; `salt` tells drawings apart."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # A person's own matplotlibrc would give other bytes.
        # Without a salt of ours the drawing's ids are random.
        for name, value in {**STYLE, "svg.hashsalt": salt}.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        figure = Figure(figsize=size)
        draw(figure.add_subplot())
        stream = io.StringIO()
        # No date and no version of matplotlib: they would be other bytes each time, or with each release.
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return _inline(stream.getvalue())


def epoch_axis(axes: "Axes") -> None:
    """Whole numbers below the drawing, and what they are."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.set_xlabel("epoch")


def known_epochs(history: Sequence[Mapping[str, str]], name: str) -> dict[int, float]:
    """A column of a history by epoch, counted from 1: the epochs that have a value. A line goes from one of them to the next."""
    values = {epoch: _number(row, name) for epoch, row in enumerate(history, start=1)}
    return {epoch: value for epoch, value in values.items() if not math.isnan(value)}


def _curves(axes: "Axes", results: Sequence[FoldResults], columns: Sequence[str], unit_range: bool) -> None:
    epoch_axis(axes)
    for each in results:
        for name, colour in zip(columns, SERIES, strict=False):
            known = known_epochs(each.history, name)
            axes.plot([*known], [*known.values()], color=colour, linewidth=1.8 if len(results) == 1 else 1.1)
            best = _best(each.run, [_number(row, name) for row in each.history])
            axes.plot([epoch for epoch, _ in best], [value for _, value in best], "o", color=colour, markersize=5)
    if unit_range:
        axes.set_ylim(0, 1)


def _number(row: Mapping[str, str], name: str) -> float:
    return float(row.get(name) or "nan")


def _best(run: Mapping[str, object], values: Sequence[float]) -> list[tuple[int, float]]:
    """The best epoch's point, or none: the epoch counted from 1, and the value there."""
    epoch = run.get("best_epoch")
    return [(epoch + 1, values[epoch])] if isinstance(epoch, int) and 0 <= epoch < len(values) else []


def _inline(svg: str) -> str:
    """The drawing alone, to stand within HTML: no prolog, no sheet for the whole page, no id twice in the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (id="[a-zA-Z0-9.]+_\d+"|xmlns(:xlink)?="[^"]*"|version="[^"]*")', "", svg)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)
    return re.sub("|".join(VARIABLES), lambda match: VARIABLES[match[0]], svg)
