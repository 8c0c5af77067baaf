"""A study as drawings: score by epoch of each arm, scores of all seeds, and how far each arm is from the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segpipe.report.figures import GRID, INK, SERIES, drawn, epoch_axis
from segpipe.report.study_contents import ArmResults
from segpipe.scores.settings import CANNOT_BE_TOLD

if TYPE_CHECKING:  # As in figures.py.
    from matplotlib.axes import Axes

COLOURS = ("#3b76d6", "#d9771e", "#2f9e6b", "#c2477f", "#8a63d2", "#7d8590")
"""To be told apart on a light page and on a dark one."""
SCALE = ((59, 118, 214), (176, 68, 160), (217, 119, 30))
"""RGB from the lowest to the highest value, evenly."""
WIDE, HALF = (8.4, 3.2), (4.6, 2.7)
"""Inches: of a drawing alone, and of one of two beside each other."""
LETTERS = 44
"""So many fit below a drawing of half width, labels as wide as the longest."""


def colours(arms: Sequence[ArmResults]) -> list[str]:
    """One an arm: a scale for swept numbers and for many arms, else one that is told apart from the others."""
    if len(arms) <= len(COLOURS) and not is_swept(arms):
        return list(COLOURS[: len(arms)])
    return [_scaled(number / max(len(arms) - 1, 1)) for number in range(len(arms))]


def _scaled(share: float) -> str:
    position = share * (len(SCALE) - 1)
    first = min(int(position), len(SCALE) - 2)
    low, high = SCALE[first], SCALE[first + 1]
    return "#" + "".join(f"{round(a + (position - first) * (b - a)):02x}" for a, b in zip(low, high, strict=True))


def is_swept(arms: Sequence[ArmResults]) -> bool:
    """Whether the arms are values of one key, and numbers."""
    return len(arms) > 2 and all(each.value is not None for each in arms)


def by_epoch(arms: Sequence[ArmResults]) -> str:
    """An inline SVG: the validation score of each run over the epochs, a thin line a run, a thick one the mean of an arm's."""

    def draw(axes: "Axes") -> None:
        epoch_axis(axes)
        for arm, colour in zip(arms, colours(arms), strict=True):
            for curve in arm.curves:
                # A single epoch makes no line.
                alone = "o" if len(curve) == 1 else ""
                axes.plot([*curve], [*curve.values()], color=colour, linewidth=0.6, alpha=0.55, marker=alone, markersize=4.5)
            shared = [epoch for epoch in (arm.curves[0] if arm.curves else ()) if all(epoch in each for each in arm.curves)]
            means = [sum(curve[epoch] for curve in arm.curves) / len(arm.curves) for epoch in shared]
            axes.plot(shared, means, color=colour, linewidth=2)

    return drawn(draw, "study by epoch", WIDE)


def by_arm(arms: Sequence[ArmResults], key: str) -> str:
    """An inline SVG: a dot a run, a line through the arms' means where a number is swept; below it the value, or the label."""

    def draw(axes: "Axes") -> None:
        places = _places(axes, arms, key)
        for place, arm, colour in zip(places, arms, colours(arms), strict=True):
            axes.plot([place] * len(arm.scores), arm.scores, "o", color=colour, markersize=4.5, alpha=0.8)
        means = [(place, arm.mean) for place, arm in zip(places, arms, strict=True) if arm.mean is not None]
        # Arms that are no values of one number have nothing between them.
        style = "solid" if is_swept(arms) else "none"
        axes.plot([place for place, _ in means], [mean for _, mean in means], ls=style, marker="_", color=INK, markersize=14)

    return drawn(draw, "study by arm", HALF)


def differences(arms: Sequence[ArmResults], key: str) -> str:
    """An inline SVG: each arm's mean less the first one's, with the corrected interval, and a line at 0."""

    def draw(axes: "Axes") -> None:
        places = _places(axes, arms, key)
        axes.axhline(0, color=INK, linewidth=1)
        for place, arm in zip(places, arms, strict=True):
            found = arm.verdict.difference if arm.verdict else None
            if arm.verdict is None or found is None or found.value is None:
                continue
            colour = INK if arm.verdict.word == CANNOT_BE_TOLD else SERIES[0]
            axes.plot([place], [found.value], "o", color=colour, markersize=5)
            if found.low is not None and found.high is not None:
                axes.plot([place, place], [found.low, found.high], color=colour, linewidth=1.8)

    return drawn(draw, "study differences", HALF)


def _places(axes: "Axes", arms: Sequence[ArmResults], key: str) -> list[float]:
    axes.grid(False, axis="x")
    axes.spines["bottom"].set_color(GRID)
    if is_swept(arms):
        axes.set_xlabel(key)
        values = [float(each.value) for each in arms if each.value is not None]
        margin = 0.05 * (max(values) - min(values))
        axes.set_xlim(min(values) - margin, max(values) + margin)
        return values
    places = [float(number) for number in range(len(arms))]
    labels = [each.label for each in arms]
    fit = max(map(len, labels), default=0) * len(labels) <= LETTERS
    axes.set_xticks(places, labels, rotation=0 if fit else 25, ha="center" if fit else "right")
    axes.set_xlim(-0.5, len(arms) - 0.5)
    return places
