"""What the page shows of single images: the best and the worst predictions."""

from collections.abc import Sequence

from segpipe.overlay import WRONG
from segpipe.palette import Colour
from segpipe.report import markup
from segpipe.report.examples import CAPTIONS, Example


def examples(best: Sequence[Example], worst: Sequence[Example], classes: Sequence[str], palette: Sequence[Colour]) -> str:
    """A legend of the colours, then each image beside its truth, prediction and errors."""
    groups = (("Best", best), ("Worst", worst))
    shown = (f"<h3>{title}</h3>{''.join(_example(each) for each in group)}" for title, group in groups if group)
    return _legend(classes, palette) + "".join(shown)


def _legend(classes: Sequence[str], palette: Sequence[Colour]) -> str:
    marks = [markup.label(name, colour) for name, colour in zip(classes, palette, strict=True)]
    errors = [markup.label("wrong pixel", WRONG), markup.label("ignored", (0, 0, 0))]
    return f'<p class="legend">{"".join(marks)}<span class="apart">errors:</span>{"".join(errors)}</p>'


def _example(each: Example) -> str:
    pictures = "".join(
        f"<figure>{markup.jpeg(content, f'{caption} of {each.id}')}<figcaption>{caption}</figcaption></figure>"
        for caption, content in zip(CAPTIONS, each.pictures, strict=True)
    )
    head = f"<header><b>{markup.text(each.id)}</b><span>Dice {markup.score(each.dice)}</span></header>"
    return f'<article class="example card">{head}<div class="four">{pictures}</div></article>'
