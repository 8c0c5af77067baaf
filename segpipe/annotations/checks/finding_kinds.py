"""What kind of problem a finding is, in segpipe's words alone: labels, names and numbers of the user's are left out."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
ROOMS = ("annotations", "images")
"""Those that word findings."""
QUOTED = re.compile(r"(?<!\w)('[^']*'|\"[^\"]*\")(?!\w)")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
LEFT_OUT = "..."
LONGEST = 160
"""Characters of a kind."""


def kind_of(problem: str, names: Iterable[str] = ()) -> str:
    """The sentence with LEFT_OUT for what is quoted, for every number, and for every word that stands in no sentence of ours.

    And for the `names` given, those of classes, which may be words of ours as well: a class can be called image.
    """
    kept = QUOTED.sub(LEFT_OUT, problem)
    for name in sorted(filter(None, names), key=len, reverse=True):
        kept = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", LEFT_OUT, kept)
    kept = " ".join(re.sub(r"^([(]*)(.*?)([).,;:]*)$", _cleared, word) for word in kept.split())
    # One for several in a row.
    kept = re.sub(rf"{re.escape(LEFT_OUT)}(,? {re.escape(LEFT_OUT)})+", LEFT_OUT, kept)
    return kept if len(kept) <= LONGEST else f"{kept[:LONGEST]}{LEFT_OUT}"


def _cleared(found: re.Match[str]) -> str:
    """A word with the punctuation around it, if it is one of ours, with hyphens perhaps."""
    before, word, after = found.groups()
    is_ours = all(WORD.fullmatch(each) and each.lower() in _vocabulary() for each in word.split("-"))
    return f"{before}{word if is_ours or not word else LEFT_OUT}{after}"


@cache
def _vocabulary() -> frozenset[str]:
    """The words of all text in the rooms' source."""
    texts = [
        node.value
        for room in ROOMS
        for file in (PACKAGE / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return frozenset(word.lower() for text in texts for word in WORD.findall(text))
