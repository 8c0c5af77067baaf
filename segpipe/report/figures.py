"""Curves as SVG that takes the page's own font and colours, light and dark."""

import io
import math
import re
from collections.abc import Mapping, Sequence

from segpipe.evaluation import FoldResults

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
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context():
        mpl.rcdefaults()  # A person's own matplotlibrc would give other bytes.
        # Without a salt of ours the drawing's ids are random.
        for name, value in {**STYLE, "svg.hashsalt": " ".join(columns)}.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        figure = Figure(figsize=(4.6, 2.7))
        axes = figure.add_subplot()
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
        axes.set_xlabel("epoch")
        for each in results:
            for name, colour in zip(columns, SERIES, strict=False):
                values = [_number(row, name) for row in each.history]
                # A line goes from one epoch that was validated to the next.
                known = {epoch: value for epoch, value in enumerate(values, start=1) if not math.isnan(value)}
                axes.plot([*known], [*known.values()], color=colour, linewidth=1.8 if len(results) == 1 else 1.1)
                best = _best(each.run, values)
                axes.plot([epoch for epoch, _ in best], [value for _, value in best], "o", color=colour, markersize=5)
        if unit_range:
            axes.set_ylim(0, 1)
        stream = io.StringIO()
        # No date and no version of matplotlib: they would be other bytes each time, or with each release.
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return _inline(stream.getvalue())


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
