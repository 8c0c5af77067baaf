"""The data set in four small charts: images and pixels of each class, sizes, and how large the objects are."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence

from segpipe.images.palette import colours
from segpipe.record import Record

INK = "#333333"
MAX_CLASSES = 40
"""Classes drawn; with more of them the bars would be too thin to read."""


def statistics_png(records: Sequence[Record], classes: Sequence[str]) -> bytes:
    """A PNG of the charts, the same bytes for the same records."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings(action="ignore"):  # a letter that the font lacks is drawn as a box
        mpl.rcdefaults()  # A person's own matplotlibrc would give other bytes.
        mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "text.color": INK})
        shown = min(len(classes), MAX_CLASSES)
        figure = Figure(figsize=(11, max(3.2, 1 + 0.22 * shown)), layout="constrained")
        images, pixels, sizes = figure.subplots(1, 3)
        hues = ["#" + bytes(colour).hex() for colour in colours(shown)]
        held = [sum(record.pixels[number] > 0 for record in records) for number in range(shown)]
        totals = [sum(record.pixels[number] for record in records) for number in range(shown)]
        share = [100 * total / max(sum(record.width * record.height for record in records), 1) for total in totals]
        _bars(images, classes[:shown], held, hues, "images that hold the class")
        _bars(pixels, [""] * shown, share, hues, "% of all pixels (logarithmic)")
        # 0 has no logarithm: near it the axis is linear.
        pixels.set_xscale("symlog", linthresh=0.01)
        _sizes(sizes, records)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})  # it would hold matplotlib's version
    return stream.getvalue()


def _bars(axes, names: Sequence[str], values: Sequence[float], hues: Sequence[str], title: str) -> None:  # type: ignore[no-untyped-def]
    places = range(len(names))
    axes.barh(places, values, color=hues, edgecolor=INK, linewidth=0.4)
    axes.set_yticks(places, [name if len(name) < 24 else name[:21] + "..." for name in names])
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9)


def _sizes(axes, records: Sequence[Record]) -> None:  # type: ignore[no-untyped-def]
    """A dot for each size, the larger the more images have it."""
    counts = Counter((record.width, record.height) for record in records)
    ordered = sorted(counts)
    areas = [12 + 120 * counts[size] / max(counts.values()) for size in ordered]
    axes.scatter(
        [w for w, _ in ordered], [h for _, h in ordered], s=areas, alpha=0.5, color="#3572b0", edgecolor=INK, linewidth=0.4
    )
    axes.set_xlim(0, 1.1 * max(w for w, _ in ordered))
    axes.set_ylim(0, 1.1 * max(h for _, h in ordered))
    axes.set_title("image sizes: width and height in pixels", fontsize=9)
