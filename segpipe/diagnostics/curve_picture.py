"""The learning curve as a picture: scores with their intervals over the number of images, and the law beyond them."""

import io
from collections.abc import Sequence

import numpy as np

from segpipe.diagnostics.learning_curve import Judge, Point, forecast


def picture(points: Sequence[Point], judge: Judge) -> bytes:
    """PNG bytes; the law is drawn dashed up to twice the most images, where there is one."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    scored = [(each, value, judge.interval(each.pixels)) for each in points if (value := judge.value(each.pixels)) is not None]
    images, values = [each.images for each, _, _ in scored], [value for _, value, _ in scored]
    with mpl.rc_context():
        mpl.rcdefaults()  # A person's own matplotlibrc would give another picture.
        figure = Figure(figsize=(7, 4.2), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        for each, _, bounds in scored:
            if bounds.low is not None and bounds.high is not None:
                axes.plot([each.images] * 2, [bounds.low, bounds.high], color="#9db4ea", linewidth=5, solid_capstyle="butt")
        axes.plot(images, values, "o-", color="#1f4fd8", label="measured, with 95 % intervals over images")
        ahead = [forecast(images, values, number) for number in _ahead(images)]
        law = [each for each in ahead if each is not None]
        if law:
            at = [each.images for each in law]
            axes.plot(
                at,
                [each.score for each in law],
                "--",
                color="#c2570c",
                label="the law, and where one more training would lie (95 %)",
            )
            axes.fill_between(
                at, [each.low for each in law], [each.high for each in law], color="#c2570c", alpha=0.12, linewidth=0
            )
        ticks = [*images, *([2 * images[-1]] if law else [])]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{each:,}" for each in ticks])
        axes.set_xlabel("training images")
        axes.set_ylabel(judge.score)
        axes.grid(color="#dfe3e9")
        axes.spines[["top", "right"]].set_visible(False)
        if images:
            axes.legend(loc="lower right", frameon=False)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _ahead(images: Sequence[int]) -> list[int]:
    """Numbers of images from the fewest to twice the most, evenly spread on a logarithmic axis."""
    return np.unique(np.geomspace(images[0], 2 * images[-1], 60).round().astype(int)).tolist() if images else []
