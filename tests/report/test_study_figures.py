"""What the drawings of a study show of arms that are names, and of arms that are values of one number."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segpipe.report import figures, study_figures
from segpipe.report.study_contents import ArmResults

NAMES = ("plain", "standard", "crop", "unsynchronised_unchecked")


def arm(label: str, mean: float, value: float | None = None) -> ArmResults:
    """With two runs, 0.1 apart, of which nothing else is known."""
    known: dict[str, Any] = dict.fromkeys(ArmResults.__dataclass_fields__)
    runs = {"scores": [mean - 0.05, mean + 0.05], "curves": []}
    return ArmResults(**known | runs | {"label": label, "value": value, "mean": mean})


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> Axes:
    """Where the next drawing is drawn."""
    figure = Figure(figsize=study_figures.HALF, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()

    def draw_here(draw: Callable[[Axes], None], *_: object) -> str:
        draw(axes)
        return ""

    monkeypatch.setattr(study_figures, "drawn", draw_here)
    return axes


@pytest.mark.parametrize(("values", "line"), [([0.1, 0.5, 0.9], "-"), ([None] * 3, "None")])
def test_the_means_are_joined_where_there_is_something_between_them(axes: Axes, values: list[float | None], line: str) -> None:
    study_figures.by_arm([arm(f"arm {n}", 0.5 + n / 10, value) for n, value in enumerate(values)], "loss.dice_weight")
    assert [each.get_linestyle() for each in axes.lines if each.get_marker() == "_"] == [line]


@pytest.mark.parametrize("names", [NAMES, ("a", "b", "c"), tuple(f"arm_{n}" for n in range(9)), ("attention_r2unet", "unet")])
def test_labels_do_not_lie_over_each_other(axes: Axes, names: tuple[str, ...]) -> None:
    axes.tick_params(labelsize=figures.STYLE.get("xtick.labelsize", 10))
    study_figures.by_arm([arm(name, 0.5) for name in names], "")
    axes.figure.canvas.draw()
    labels = axes.get_xticklabels()
    turned = {label.get_rotation() for label in labels}
    assert len(turned) == 1
    if turned == {0.0}:
        boxes = [label.get_window_extent() for label in labels]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    else:
        # Turned lines of text keep clear of each other where they begin further apart than they are high.
        places = [axes.transData.transform((n, 0))[0] for n in range(len(names))]
        assert all(right - left > 12 for left, right in pairwise(places))
