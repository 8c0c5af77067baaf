"""The curves: they can stand in any page, take its colours, and are the same each time."""

import re

import matplotlib as mpl
import pytest

from segpipe.evaluation import FoldResults
from segpipe.report import figures

HISTORY = [{"epoch": str(epoch), "loss": str(1 / (epoch + 1)), "gap": "" if epoch == 2 else "0.5"} for epoch in range(6)]


def drawn(run: dict[str, object] | None = None, n_folds: int = 1) -> str:
    results = [FoldResults(fold, {}, {}, HISTORY, run or {}, {}, {}, {}, {}) for fold in range(n_folds)]
    return figures.curves(results, ("loss", "gap"), unit_range=True)


def test_the_same_curves_give_the_same_drawing_whatever_a_person_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    first = drawn({"best_epoch": 3})
    monkeypatch.setitem(mpl.rcParams, "font.size", 30)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "pink")
    assert drawn({"best_epoch": 3}) == first
    assert mpl.rcParams["font.size"] == 30


def test_colours_and_font_are_the_pages() -> None:
    svg = drawn()
    assert {"var(--one)", "var(--two)", "var(--soft)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", svg))
    assert not re.search(r"#0[1-4]0[1-4]0[1-4]|DejaVu|<style|<metadata|<\?xml|<!DOCTYPE|http", svg)


def test_ids_are_only_those_that_are_used() -> None:
    svg = drawn({"best_epoch": 3})
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    assert set(re.findall(r' id="([^"]+)"', svg)) == used


def test_two_drawings_share_no_id() -> None:
    other = figures.curves([FoldResults(0, {}, {}, HISTORY, {}, {}, {}, {}, {})], ("gap",), unit_range=False)
    assert not set(re.findall(r' id="([^"]+)"', drawn())) & set(re.findall(r' id="([^"]+)"', other))


def test_a_dot_marks_each_folds_best_epoch() -> None:
    assert drawn({"best_epoch": 3}, n_folds=3).count("<use") == 6
    assert drawn({}).count("<use") == 0
    assert drawn({"best_epoch": 99}).count("<use") == 0
    assert drawn({"best_epoch": 2}).count("<use") == 1, "where a number is missing, nothing is marked"


def test_a_line_goes_over_the_epochs_without_a_number() -> None:
    """Epochs that were not validated stand between any two that were: single points would be no line."""
    line = next(path for path in re.findall(r'<path d="([^"]+)"[^>]*var\(--two\)', drawn().replace("\n", " ")))
    assert line.count("M") == 1 and line.count("L") == 4


def test_no_epoch_is_no_error() -> None:
    assert figures.curves([FoldResults(0, {}, {}, [], {}, {}, {}, {}, {})], ("loss",), unit_range=False).startswith("<svg")
