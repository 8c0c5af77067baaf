"""Every link inside the project leads to a file and a heading that are there, and every picture is shown somewhere."""

import re
from pathlib import Path

import pytest

from tests.pages import written
from tests.structure.imports import ROOT

PICTURES = {".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp"}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere in the project; where the web has moved no test can tell offline."""
    found = []
    for _, target in written.links(page):
        path, _, anchor = target.partition("#")
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file = (page.parent / path).resolve() if path else page
        lost = anchor and file.suffix == ".md" and file.is_file() and anchor not in written.anchors(file)
        if lost or not file.exists():
            found.append(target)
    return found


@pytest.mark.parametrize("page", written.PAGES, ids=written.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    links = "[x](#a-b-c) [`y`](#a-b) [z](gone.md) [w](https://a.org/b) `[no](link.md)`"
    page.write_text(f"# A `b` (c)\n{links}\n```\n[no](link.md)\n```\n", encoding="utf-8")
    assert broken(page) == ["#a-b", "gone.md"]


@pytest.mark.parametrize("page", written.PAGES, ids=written.name)
def test_every_label_of_a_link_stands_below_and_is_used(page: Path) -> None:
    text = written.prose(page)
    below = re.findall(r"^\[([\w-]+)\]: https://\S+$", text, re.MULTILINE)
    assert sorted(set(re.findall(r"\]\[([\w-]+)\]", text))) == sorted(below)


def test_pictures_are_there_small_and_shown() -> None:
    shown = {(page.parent / target).resolve() for page in written.PAGES for picture, target in written.links(page) if picture}
    there = {file for file in (ROOT / "docs").rglob("*") if file.suffix in PICTURES}
    assert shown == there
    assert {file.name for file in there if file.stat().st_size > 200_000} == set()


def test_every_page_is_reached_from_the_readme() -> None:
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        seen.add(page)
        targets = [(page.parent / target.partition("#")[0]).resolve() for _, target in written.links(page)]
        ahead += [file for file in targets if file.suffix == ".md" and file.is_file() and file not in seen]
    assert [written.name(page) for page in written.PAGES if page not in seen] == []
