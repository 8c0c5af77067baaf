"""The page for those who read it by ear, by keyboard, or with weak eyes: names, heads of tables, contrasts in both themes."""

import re
from itertools import pairwise, product

import pytest

from segpipe.report import page
from tests.report.projects import finished
from tests.report.test_page import Reader, gathered

STYLE = (page.TEMPLATES / "style.css").read_text(encoding="utf-8")
LEAST = 4.5
"""WCAG 2.2, 1.4.3: the contrast of text of usual size."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(page.render(gathered(finished(tmp_path_factory.mktemp("run"), (0, 1)), (0, 1))))


def test_every_picture_and_field_has_a_name(reader: Reader) -> None:
    pictures = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert len(pictures) > 20 and all(attributes.get("alt") for attributes in pictures)
    inside = re.findall(r"<label>[^<]+<(?:input|select)\b", (page.TEMPLATES / "images.html").read_text(encoding="utf-8"))
    fields = [tag for tag, _ in reader.tags if tag in {"input", "select", "textarea"}]
    assert len(fields) == len(inside) == 2


def test_every_head_of_a_table_says_what_it_is_the_head_of(reader: Reader) -> None:
    scopes = [attributes.get("scope") for tag, attributes in reader.tags if tag == "th"]
    assert len(scopes) > 50 and set(scopes) == {"row", "col"}


def test_landmarks_and_headings_lead_through_the_page(reader: Reader) -> None:
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("h1") == tags.count("nav") == tags.count("main") == 1
    assert [attributes["aria-label"] for tag, attributes in reader.tags if tag == "nav"] == ["Sections"]
    sections = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    ids = reader.values("id")
    assert len(sections) > 10 and all(f"{name}-heading" in ids for name in sections)
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    # After the tiles, which stand above the first section, no level is left out.
    assert all(after <= before + 1 for before, after in pairwise(levels[levels.index(2) :]))


def test_the_first_link_leads_past_the_navigation(reader: Reader) -> None:
    first = next(attributes for tag, attributes in reader.tags if tag == "a")
    assert first["href"] == "#content"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(theme: str) -> None:
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in STYLE.split("@media")[:2])
    colours = light if theme == "light" else light | dark
    for text, ground in product(("ink", "soft", "accent"), ("page", "card")):
        assert contrast(colours[text], colours[ground]) >= LEAST, (text, ground)
    assert contrast("#ffffff", colours["tile"]) >= LEAST


def test_contrast_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio of two colours."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
