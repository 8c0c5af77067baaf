"""Small pieces of HTML. What comes from data or parameters is escaped here: labels may hold anything."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from segpipe.images.palette import Colour

NONE = "&ndash;"
NUMBER = "number"
"""The CSS class of cells that hold numbers."""


def text(value: object) -> str:
    """Any value, safe inside elements and quoted attributes."""
    return escape(str(value), quote=True)


def score(value: float | None) -> str:
    """Three digits, or a dash."""
    return NONE if value is None else f"{value:.3f}"


def percent(share: float | None) -> str:
    """A share as a percentage with one digit; what is there but rounds to nothing says so."""
    if share is None:
        return NONE
    return "&lt; 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def count(number: int) -> str:
    """A whole number with separated thousands."""
    return f"{number:,}"


def counted(number: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count(number)} {thing}" + ("" if number == 1 else "s")


def section(name: str, title: str, body: str) -> str:
    """A part of the page with its heading; `name` is what links go to."""
    return f'<section id="{name}"><h2>{text(title)}</h2>{body}</section>'


def card(body: str) -> str:
    """A part of a section on a ground of its own."""
    return f'<div class="card">{body}</div>'


def note(sentence: str) -> str:
    """A small explanation, already HTML."""
    return f'<p class="note">{sentence}</p>'


def swatch(colour: Colour) -> str:
    """A class's colour."""
    return f'<i class="swatch" style="background:#{bytes(colour).hex()}"></i>'


def label(name: str, colour: Colour) -> str:
    """A class's colour and name."""
    return f'<span class="label">{swatch(colour)}<span>{text(name)}</span></span>'


def bar(value: float | None) -> str:
    """A score as a number with a bar before it, or a dash."""
    drawn = "" if value is None else f'<i><i style="width:{100 * value:.1f}%"></i></i>'
    return f'<span class="bar">{drawn}{score(value)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is too wide; all cells are HTML, those after the first are numbers."""
    heads = "".join(f'<th scope="col"{_number(place)}>{cell}</th>' for place, cell in enumerate(head))
    body = "".join(f"<tr>{''.join(_cell(place, cell) for place, cell in enumerate(row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """A list of names with their values; the values are HTML."""
    return f"<dl>{''.join(f'<div><dt>{text(name)}</dt><dd>{value}</dd></div>' for name, value in items)}</dl>"


def jpeg(content: bytes, description: str) -> str:
    """A picture within the page."""
    data = base64.b64encode(content).decode("ascii")
    return f'<img alt="{text(description)}" src="data:image/jpeg;base64,{data}">'


def _number(place: int) -> str:
    return f' class="{NUMBER}"' if place else ""


def _cell(place: int, cell: str) -> str:
    return f'<td class="{NUMBER}">{cell}</td>' if place else f'<th scope="row">{cell}</th>'
