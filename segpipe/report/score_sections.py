"""The sections of the page about how good the model is."""

from collections.abc import Sequence

import numpy as np

from segpipe.palette import Colour
from segpipe.report import figures, markup
from segpipe.report.definitions import NAMES
from segpipe.report.examples import CAPTIONS, Example
from segpipe.report.inputs import TEST, VAL, FoldResults
from segpipe.report.numbers import COLOUR, Summary, of_fold, pooled
from segpipe.scores import CLASS_SCORES, SCORES, Confusion, class_scores

TILES = ("dice", "miou", "dice_per_image")
WORDS = {VAL: "validation", TEST: "test"}
MOST_IN_MATRIX = 32


def verdict(summary: Summary, part: str, n_images: int, n_folds: int) -> str:
    """The result in two or three sentences."""
    dice, colours = summary[part]["dice"], summary[part][COLOUR]
    who = "the model reaches a Dice" if n_folds == 1 else f"the {n_folds} folds&rsquo; models reach a mean Dice"
    where = "that it never saw" if part == TEST else "by which its best epoch was chosen, so this flatters"
    if n_folds > 1:
        where = "that none of them saw" if part == TEST else "by which their best epochs were chosen, so this flatters"
    first = f"On {markup.counted(n_images, f'{WORDS[part]} image')} {where}, {who} of <b>{markup.score(dice)}</b>. "
    second = f"A classifier that sees only colours reaches <b>{markup.score(colours)}</b>."
    below = dice is not None and colours is not None and dice <= colours
    third = " <b>The model is not above it yet:</b> train longer, or look at the examples below for what goes wrong."
    return f'<p class="lead">{first}{second}{third if below else ""}</p>'


def tiles(summary: Summary, part: str) -> str:
    """The key numbers, large, with the validation part's beside those of the test part."""
    shown = []
    for name in TILES:
        other = f"validation {markup.score(summary[VAL][name])}" if part == TEST else ""
        shown.append(_tile(f"{WORDS[part]} {NAMES[name]}", _with_spread(summary, part, name), other))
    shown.append(_tile("Colours alone", markup.score(summary[part][COLOUR]), f"{WORDS[part]} Dice without any shape"))
    return f'<div class="tiles">{"".join(shown)}</div>'


def all_scores(summary: Summary) -> str:
    """Every score of each part that has images."""
    parts = [part for part in (TEST, VAL) if summary[part]]
    rows = [[NAMES[name], *(_with_spread(summary, part, name) for part in parts)] for name in SCORES]
    return markup.table(["Score", *(WORDS[part].capitalize() for part in parts)], rows)


def folds(results: Sequence[FoldResults], has_background: bool) -> str:
    """A row a fold: its epochs, and its main scores."""
    parts = [part for part in (VAL, TEST) if all(part in each.counts for each in results)]
    head = ["Fold", "Best epoch", *(f"{WORDS[part].capitalize()} {NAMES[name]}" for part in parts for name in ("dice", "miou"))]
    rows = []
    for each in results:
        scored = [of_fold(each, part, has_background) for part in parts]
        best = each.run.get("best_epoch")
        epochs = len(each.history)
        row = [str(each.fold), f"{best + 1} of {epochs}" if isinstance(best, int) else f"of {epochs}"]
        rows.append(row + [markup.score(found[name]) for found in scored for name in ("dice", "miou")])
    return markup.table(head, rows)


def curves(results: Sequence[FoldResults]) -> str:
    """Loss and scores over the epochs, all folds in one drawing."""
    loss = figures.curves(results, ("train_loss", "val_loss"), unit_range=False)
    scores = figures.curves(results, ("val_dice", "val_miou"), unit_range=True)
    left = _chart("Loss", ("training", "validation"), loss)
    right = _chart("Validation scores", (NAMES["dice"], NAMES["miou"]), scores)
    lines = (
        "One line a fold; the dot is its best epoch."
        if len(results) > 1
        else "The dot is the best epoch, whose weights are kept."
    )
    marked = any("best_epoch" in each.run for each in results)
    return f'<div class="two">{left}{right}</div>' + (markup.note(lines) if marked else "")


def per_class(results: Sequence[FoldResults], part: str, classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A row a class with its scores, the Dice and IoU as bars too."""
    counts = pooled(results, part)
    found = class_scores(counts)
    share = counts.sum(axis=1) / max(int(counts.sum()), 1)
    rows = []
    for number, (name, colour) in enumerate(zip(classes, palette, strict=True)):
        bars = [markup.bar(found[score][number]) for score in ("dice", "iou")]
        rest = [markup.score(found[score][number]) for score in ("precision", "recall")]
        rows.append([markup.label(name, colour), *bars, *rest, markup.percent(float(share[number]))])
    assert set(CLASS_SCORES) == {"dice", "iou", "precision", "recall"}, "each class score has its column"
    head = ["Class", NAMES["dice"], NAMES["iou"], NAMES["precision"], NAMES["recall"], "Pixels"]
    pooling = " The pixels of all folds are added." if len(results) > 1 else ""
    return markup.table(head, rows, "bars") + markup.note(f"On the {WORDS[part]} part.{pooling}")


def confusion(results: Sequence[FoldResults], part: str, classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A heat map: of each true class's pixels, the percentage that were given each class."""
    counts = pooled(results, part)
    chosen = _most_frequent(counts)
    heads = "".join(
        f'<th scope="col" title="{markup.text(classes[seen])}">{markup.swatch(palette[seen])}<span>{markup.text(classes[seen])}</span></th>'
        for seen in chosen
    )
    rows = "".join(
        f'<tr><th scope="row">{markup.label(classes[true], palette[true])}</th>'
        + "".join(_heat(counts, true, seen, classes) for seen in chosen)
        + "</tr>"
        for true in chosen
    )
    corner = '<td class="corner">true ↓ &nbsp; predicted →</td>'
    some = (
        f" The {len(chosen)} classes with the most pixels; metrics/confusion.csv has all." if len(chosen) < len(classes) else ""
    )
    words = f"Percent of each true class&rsquo;s pixels on the {WORDS[part]} part; a row adds up to 100, empty is none.{some}"
    drawn = f'<table class="matrix"><thead><tr>{corner}{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{drawn}</div>{markup.note(words)}'


def examples(title: str, shown: Sequence[Example]) -> str:
    """Each example with its pictures side by side."""
    return f"<h3>{title}</h3>" + "".join(_example(each) for each in shown)


def legend(classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """What the colours in the examples mean."""
    marks = [markup.label(name, colour) for name, colour in zip(classes, palette, strict=True)]
    extra = [markup.label("wrong pixel", (230, 40, 40)), markup.label("ignored", (0, 0, 0))]
    return f'<p class="legend">{"".join(marks)}<span class="apart">errors:</span>{"".join(extra)}</p>'


def _tile(name: str, value: str, below: str) -> str:
    return f'<div class="tile"><h3>{name}</h3><p class="value">{value}</p><p>{below}</p></div>'


def _with_spread(summary: Summary, part: str, name: str) -> str:
    spread = summary[part].get(f"{name}_std")
    return markup.score(summary[part][name]) + ("" if spread is None else f" <small>± {markup.score(spread)}</small>")


def _chart(title: str, names: Sequence[str], drawing: str) -> str:
    keys = "".join(f'<span class="key {kind}">{name}</span>' for kind, name in zip(("one", "two"), names, strict=True))
    return f'<figure class="chart card"><figcaption><b>{title}</b>{keys}</figcaption>{drawing}</figure>'


def _most_frequent(counts: Confusion) -> list[int]:
    """The classes that the matrix shows, in the order of their ids."""
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    return sorted(int(number) for number in order[:MOST_IN_MATRIX])


def _heat(counts: Confusion, true: int, seen: int, classes: Sequence[str]) -> str:
    total = int(counts[true].sum())
    share = int(counts[true, seen]) / total if total else 0.0
    shown = markup.NONE if not total else f"{100 * share:.0f}" if share else ""
    # White is legible on the darker half of the scale only.
    dark = ' class="dark"' if share > 0.6 else ""
    words = (
        f"{markup.text(classes[true])}, called {markup.text(classes[seen])}: {markup.counted(int(counts[true, seen]), 'pixel')}"
    )
    return f'<td{dark} style="--heat:{share:.3f}" title="{words}">{shown}</td>'


def _example(each: Example) -> str:
    pictures = "".join(
        f"<figure>{markup.jpeg(content, f'{caption} of {each.id}')}<figcaption>{caption}</figcaption></figure>"
        for caption, content in zip(CAPTIONS, each.pictures, strict=True)
    )
    head = f"<header><b>{markup.text(each.id)}</b><span>Dice {markup.score(each.dice)}</span></header>"
    return f'<article class="example card">{head}<div class="four">{pictures}</div></article>'
