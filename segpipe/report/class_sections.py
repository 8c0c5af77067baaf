"""What the page says of single classes: their scores, and which is taken for which."""

from collections.abc import Sequence

import numpy as np

from segpipe.images.palette import Colour
from segpipe.report import markup
from segpipe.report.definitions import NAMES
from segpipe.scores import Confusion, class_scores

MOST_IN_MATRIX = 32
ROOMY = 10
"""Up to so many classes the cells of the matrix are large."""


def per_class(counts: Confusion, classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A row a class with its scores, Dice and IoU as bars too."""
    found = class_scores(counts)
    share = counts.sum(axis=1) / max(int(counts.sum()), 1)
    rows = []
    for number, (name, colour) in enumerate(zip(classes, palette, strict=True)):
        bars = [markup.bar(found[score][number]) for score in ("dice", "iou")]
        rest = [markup.score(found[score][number]) for score in ("precision", "recall")]
        rows.append([markup.label(name, colour), *bars, *rest, markup.percent(float(share[number]))])
    return markup.table(["Class", NAMES["dice"], NAMES["iou"], NAMES["precision"], NAMES["recall"], "Pixels"], rows)


def confusion(counts: Confusion, classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A heat map: of each true class's pixels, the percentage that were given each class."""
    chosen = _most_frequent(counts)
    corner = '<td class="corner">true &darr; &nbsp; predicted &rarr;</td>'
    names = {number: f'title="{markup.text(classes[number])}"' for number in chosen}
    heads = "".join(f'<th scope="col" {names[seen]}><span>{markup.text(classes[seen])}</span></th>' for seen in chosen)
    rows = "".join(
        f'<tr><th scope="row" {names[true]}>{markup.label(classes[true], palette[true])}</th>'
        f"{''.join(_heat(counts, true, seen, classes) for seen in chosen)}</tr>"
        for true in chosen
    )
    size = "matrix roomy" if len(chosen) <= ROOMY else "matrix"
    drawn = f'<table class="{size}"><thead><tr>{corner}{heads}</tr></thead><tbody>{rows}</tbody></table>'
    words = "Percent of each true class&rsquo;s pixels: a row adds up to 100, an empty cell is none."
    if len(chosen) < len(classes):
        words += f" The {len(chosen)} classes with the most pixels; metrics/confusion.csv has all."
    return f'<div class="scroll fitting">{drawn}</div>{markup.note(words)}'


def _most_frequent(counts: Confusion) -> list[int]:
    """The classes that the matrix shows, in the order of their ids."""
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    return sorted(int(number) for number in order[:MOST_IN_MATRIX])


def _heat(counts: Confusion, true: int, seen: int, classes: Sequence[str]) -> str:
    total = int(counts[true].sum())
    share = int(counts[true, seen]) / total if total else 0.0
    shown = markup.NONE if not total else f"{100 * share:.0f}" if share else ""
    # Black, white and gray text each have a contrast of 4.5 at least on their part of the scale.
    kind = "dark" if share > 0.7 else "faint" if share < 0.005 else ""
    words = (
        f"{markup.text(classes[true])}, called {markup.text(classes[seen])}: {markup.counted(int(counts[true, seen]), 'pixel')}"
    )
    return f'<td class="{kind}" style="--heat:{share:.3f}" title="{words}">{shown}</td>'
