"""What the page shows of single images: the best and the worst predictions, and what training makes of some."""

from collections.abc import Sequence

from segpipe.images.overlay import WRONG
from segpipe.images.palette import Colour
from segpipe.report import augment_sheet, markup
from segpipe.report.examples import CAPTIONS, Example


def examples(best: Sequence[Example], worst: Sequence[Example], classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A legend of the colours, then each image beside its truth, prediction and errors."""
    groups = (("Best", best), ("Worst", worst))
    shown = (f"<h3>{title}</h3>{''.join(_example(each) for each in group)}" for title, group in groups if group)
    return _legend(classes, palette) + "".join(shown)


def augmented(sheet: augment_sheet.Sheet, classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A legend of the colours, then each image beside its draws."""
    marks = [markup.label(name, colour) for name, colour in zip(classes, palette, strict=True)]
    shown = "".join(
        f'<article class="example card"><header><b>{markup.text(item)}</b></header>'
        f"{_pictures('six', item, augment_sheet.CAPTIONS, pictures)}</article>"
        for item, pictures in sheet.rows
    )
    return f'<p class="legend">{"".join(marks)}<span class="apart">dark: ignored</span></p>{shown}'


def _legend(classes: Sequence[str], palette: Sequence[Colour]) -> str:
    marks = [markup.label(name, colour) for name, colour in zip(classes, palette, strict=True)]
    errors = [markup.label("wrong pixel", WRONG), markup.label("ignored", (0, 0, 0))]
    return f'<p class="legend">{"".join(marks)}<span class="apart">errors:</span>{"".join(errors)}</p>'


def _example(each: Example) -> str:
    head = f"<header><b>{markup.text(each.id)}</b><span>Dice {markup.score(each.dice)}</span></header>"
    return f'<article class="example card">{head}{_pictures("four", each.id, CAPTIONS, each.pictures)}</article>'


def _pictures(columns: str, item: str, captions: Sequence[str], pictures: Sequence[bytes]) -> str:
    """Pictures of an image side by side, each with its caption."""
    figures = "".join(
        f"<figure>{markup.jpeg(content, f'{caption} of {item}')}<figcaption>{caption}</figcaption></figure>"
        for caption, content in zip(captions, pictures, strict=True)
    )
    return f'<div class="{columns}">{figures}</div>'
