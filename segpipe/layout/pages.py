"""The pages of the documentation, as they came with this segpipe: found by what they say."""

from dataclasses import dataclass
from pathlib import Path

from segpipe.layout.project import PACKAGE

SHIPPED = PACKAGE / "layout/docs"
"""Where a wheel has them. In a checkout they lie in its root."""


@dataclass(frozen=True)
class Page:
    """A page of Markdown; `name` is its path below the folder of all, without the ending."""

    name: str
    title: str
    path: Path


def folder() -> Path:
    """The folder that holds all pages."""
    return SHIPPED if SHIPPED.is_dir() else PACKAGE.parent / "docs"


def pages(words: str = "") -> list[Page]:
    """All pages, or those that have the words, in any case, those with them in the title or name first."""
    found = [Page(_name(path), _title(path), path) for path in sorted(folder().rglob("*.md"))]
    wanted = words.casefold()
    named = [page for page in found if wanted in f"{page.name} {page.title}".casefold()]
    return named + [page for page in found if page not in named and wanted in _text(page.path).casefold()]


def _name(path: Path) -> str:
    return path.relative_to(folder()).with_suffix("").as_posix()


def _title(path: Path) -> str:
    return _text(path).partition("\n")[0].removeprefix("# ")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
