"""The pages as a reader has them: their blocks, what they write as code, their headings, links and pictures."""

import re
from pathlib import Path

from tests.structure.imports import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)*)`")
LINK = re.compile(r"(!?)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


def name(page: Path) -> str:
    """The page as tests are called after it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """What stands in the page's code blocks of a language; "" is for those that name none."""
    return [text for _, said, text in BLOCK.findall(page.read_text(encoding="utf-8")) if said == language]


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def inline(page: Path) -> list[str]:
    """What the prose has between backticks, each on one line."""
    return [" ".join(code.split()) for code in INLINE.findall(prose(page))]


def commands(page: Path) -> list[str]:
    """What the page's shell blocks show, command by command, without what is said behind one."""
    lines = [line for block in blocks(page, "bash") for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


def links(page: Path) -> list[tuple[bool, str]]:
    """Where the page's links lead, each with whether it is a picture."""
    return [(mark == "!", target) for mark, target in LINK.findall(INLINE.sub("", prose(page)))]


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the page's headings: small letters, hyphens for blanks, a number behind one that is taken."""
    found: dict[str, int] = {}
    taken = set()
    for heading in re.findall(r"^#{1,6} (.+?)\s*$", prose(page), re.MULTILINE):
        said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", said).replace(" ", "-")
        taken.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return taken
