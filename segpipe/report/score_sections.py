"""What the page says of the whole model: the verdict, the key numbers, all scores, and how it learned."""

from collections.abc import Sequence

from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.report import figures, markup
from segpipe.report.definitions import COLOURS, COMMON, MEANINGS, NAMES
from segpipe.report.numbers import COLOUR, Summary, of_fold
from segpipe.scores import SCORES

TILES = ("dice", "miou", "dice_per_image")
PART = "train_loss_"
WORDS = {VAL: "validation", TEST: "test"}


def verdict(summary: Summary, part: str, n_images: int, n_folds: int) -> str:
    """The result in two or three sentences."""
    dice, colours = summary[part]["dice"], summary[part][COLOUR]
    who = "the model reaches a Dice" if n_folds == 1 else f"the models of {n_folds} folds reach a mean Dice"
    where = "that no training saw" if part == TEST else "that also chose the best epoch, so this flatters"
    first = f"On {markup.counted(n_images, f'{WORDS[part]} image')} {where}, {who} of <b>{markup.score(dice)}</b>. "
    second = f"A classifier that sees only colours reaches <b>{markup.score(colours)}</b>."
    below = dice is not None and colours is not None and dice <= colours
    third = " <b>The model is not above it yet:</b> train longer, or look at the predictions below for what goes wrong."
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
    """Every score of each part that has images, and beside them what they mean."""
    parts = [part for part in (TEST, VAL) if summary[part]]
    rows = [[NAMES[name], *(_with_spread(summary, part, name) for part in parts)] for name in SCORES]
    table = markup.table(["Score", *(WORDS[part].capitalize() for part in parts)], rows)
    spread = markup.note("&plusmn; is the sample standard deviation over the folds.") if "dice_std" in summary[VAL] else ""
    meanings = markup.pairs([*((NAMES[name], MEANINGS[name]) for name in SCORES), ("Colours alone", COLOURS)])
    left = f"<div>{table}{spread}{markup.note(COMMON)}</div>"
    return f'<div class="sides">{left}<div class="card meanings">{meanings}</div></div>'


def learning(results: Sequence[FoldResults], has_background: bool) -> str:
    """Loss, its parts and scores over the epochs, all folds in one drawing; with several folds a row for each below."""
    loss = figures.curves(results, ("train_loss", "val_loss"), unit_range=False)
    scores = figures.curves(results, ("val_dice", "val_miou"), unit_range=True)
    left = _chart("Loss", ("training", "validation"), loss)
    right = _chart("Validation scores", (NAMES["dice"], NAMES["miou"]), scores)
    drawn = f'<div class="two">{left}{right}{"".join(_parts(results))}</div>'
    if len(results) > 1:
        words = "One line a fold; the dot is its best epoch, whose weights are kept."
        return drawn + markup.note(words) + _folds(results, has_background)
    best = _best_epoch(results[0])
    kept = f"The dot is the best epoch, {best} of {len(results[0].history)}, whose weights are kept."
    return drawn + (markup.note(kept) if best else "")


def _parts(results: Sequence[FoldResults]) -> list[str]:
    """A drawing of each part of a loss that is a mixture, in the order of the history."""
    columns = dict.fromkeys(name for each in results for row in each.history[:1] for name in row if name.startswith(PART))
    return [
        _chart(
            f"Part of the loss: {markup.text(name.removeprefix(PART))}",
            ("training", "validation"),
            figures.curves(results, (name, name.replace("train_", "val_", 1)), unit_range=False),
        )
        for name in columns
    ]


def _folds(results: Sequence[FoldResults], has_background: bool) -> str:
    """A row a fold: its epochs, and its main scores."""
    parts = [part for part in (VAL, TEST) if all(part in each.counts for each in results)]
    head = ["Fold", "Best epoch", *(f"{WORDS[part].capitalize()} {NAMES[name]}" for part in parts for name in ("dice", "miou"))]
    rows = []
    for each in results:
        scored = [of_fold(each, part, has_background) for part in parts]
        numbers = [markup.score(found[name]) for found in scored for name in ("dice", "miou")]
        rows.append([str(each.fold), f"{_best_epoch(each) or markup.NONE} of {len(each.history)}", *numbers])
    return markup.table(head, rows)


def _best_epoch(results: FoldResults) -> int | None:
    """Counted from 1; None where run.json does not say."""
    best = results.run.get("best_epoch")
    return best + 1 if isinstance(best, int) else None


def _tile(name: str, value: str, below: str) -> str:
    return f'<div class="tile"><h3>{name}</h3><p class="value">{value}</p><p>{below}</p></div>'


def _with_spread(summary: Summary, part: str, name: str) -> str:
    spread = summary[part].get(f"{name}_std")
    return markup.score(summary[part][name]) + ("" if spread is None else f"<small>&plusmn;&nbsp;{markup.score(spread)}</small>")


def _chart(title: str, names: Sequence[str], drawing: str) -> str:
    keys = "".join(f'<span class="key {kind}">{name}</span>' for kind, name in zip(("first", "second"), names, strict=True))
    return f'<figure class="chart card"><figcaption><b>{title}</b>{keys}</figcaption>{drawing}</figure>'
