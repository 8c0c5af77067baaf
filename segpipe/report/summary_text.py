"""The result as Markdown for a pull request or a chat: scores with their intervals, classes, advice. It names no image."""

import re
from collections.abc import Iterable, Iterator, Sequence

from segpipe.evaluation import TEST, VAL
from segpipe.report import against, class_tables, intervals, page
from segpipe.report.image_table import WORDS
from segpipe.report.numbers import COLOUR, names, pooled
from segpipe.report.page import Contents
from segpipe.scores.intervals import Interval
from segpipe.scores.paired import Difference, format_difference

MEANING = re.compile(r"[^\w\s.,;:%()/'=+-]|_")
"""What may mean something to Markdown, or to HTML in it."""
LEADING = re.compile(r"([@#:])(?=\S)")
"""What makes a mention, a reference or an address of what follows."""
CLASS_COLUMNS = ("dice", "iou", "precision", "recall")
BOUNDED = ("dice", "iou")
ENSEMBLE_SCORES = ("dice", "miou")


def render(contents: Contents) -> str:
    """The text; the same contents give the same bytes."""
    parts = [part for part in (TEST, VAL) if contents.summary[part]]
    found = contents.summary
    folds = ", ".join(str(each.fold) for each in contents.results)
    lines = [
        f"# {escape(page.title(contents.params['model'], contents.info))}",
        "",
        f"{len(contents.index):,} images, fold{'s' if len(contents.results) > 1 else ''} {folds}. "
        f"{WORDS[contents.headline].capitalize()} Dice {_number(found[contents.headline]['dice'])}; "
        f"colours alone reach {_number(found[contents.headline][COLOUR])}.",
        "",
        *_table(["score", *(head for part in parts for head in (WORDS[part], "95 %"))], _scores(contents, parts)),
        "",
        *_ensemble(contents),
        *([f"Baseline: {against.sentence(contents.against)}.", ""] if contents.against else []),
        f"Classes, on the {WORDS[contents.headline]} part:",
        "",
        *_table(["class", *(head for name in CLASS_COLUMNS for head in _heads(name)), "pixels"], _classes(contents)),
        "",
        *(f"* {escape(sentence)}" for sentence in contents.advice),
        *([""] if contents.advice else []),
        f"Again, to the same bytes: `dvc repro`, and `make verify` proves it. Data `{contents.data_hash[:12]}`, "
        f"folds `{contents.folds_hash[:12]}`.",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that means nothing to Markdown: one line, and nobody is mentioned by it, whatever a class is called."""
    one_line = " ".join(text.split())
    # A space of no width ends what would be @name, #12 or http://.
    broken = LEADING.sub("\\1\u200b", one_line)
    return MEANING.sub(lambda match: match[0] if match[0] == "\u200b" else f"&#{ord(match[0])};", broken)


def _scores(contents: Contents, parts: Sequence[str]) -> Iterator[list[str]]:
    for name in names(contents.info.has_background):
        cells = ((_number(contents.summary[part].get(name)), _bounds(contents.bounds[part].get(name))) for part in parts)
        yield [f"`{name}`", *(text for pair in cells for text in pair)]


def _ensemble(contents: Contents) -> list[str]:
    found = contents.ensemble
    if found is None:
        return []
    bounds = {name: _bounds(found.bounds.scores[name]) for name in ENSEMBLE_SCORES}
    said = [f"{name} {_number(found.scores[name])}{f' ({text})' if text else ''}" for name, text in bounds.items()]
    gain = f"dice against the mean of the folds {format_difference(found.sure['dice'])}"
    return [f"Ensemble, by the mean probability of these folds, on the test part: {', '.join(said)}; {gain}.", ""]


def _classes(contents: Contents) -> Iterator[list[str]]:
    scores = class_tables.scores(pooled(contents.results, contents.headline))
    bounds = intervals.of_classes(contents.results, contents.headline, contents.groups)
    for number, (name, found) in enumerate(zip(contents.info.classes, scores, strict=True)):
        cells = [escape(name)]
        for column in CLASS_COLUMNS:
            cells.append(_number(found[column]))
            if column in BOUNDED:
                cells.append(_bounds(bounds[column][number]))
        yield [*cells, f"{100 * (found['pixels'] or 0):.1f} %"]


def _heads(name: str) -> tuple[str, ...]:
    return (name, "95 %") if name in BOUNDED else (name,)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(heads), _row([":--", *("--:" for _ in heads[1:])]), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _bounds(interval: Interval | Difference | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f"{interval.low:.2f} .. {interval.high:.2f}"
