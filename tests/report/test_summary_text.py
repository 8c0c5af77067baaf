"""The Markdown summary: whole, the same each time, no image's name in it, and no class's name means anything."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.report import page, summary_text
from tests.report.projects import finished
from tests.report.test_page import gathered

HOSTILE = ("background", "a|b `c` [d](http://e.f) <img src=x>", "@everyone #12 # head * _list_")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> page.Contents:
    return gathered(finished(tmp_path_factory.mktemp("run"), (0, 1), HOSTILE), (0, 1))


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, heads first."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()] for block in blocks]


def test_scores_and_classes_stand_in_tables(contents: page.Contents) -> None:
    text = summary_text.render(contents)
    scores, classes = tables(text)
    assert scores[0] == ["score", "test", "95 %", "validation", "95 %"]
    dice = next(row for row in scores if row[0] == "`dice`")
    bounds = contents.bounds["test"]["dice"]
    assert dice[1:3] == [f"{contents.summary['test']['dice']:.3f}", f"{bounds.low:.2f} .. {bounds.high:.2f}"]
    assert len(classes) == 2 + 3 and all(len(row) == len(classes[0]) for row in classes)
    assert "Ensemble, by the mean probability of these folds, on the test part: dice 0." in text
    assert "12 images, folds 0, 1." in text and "colours alone reach 0.250" in text and "`d4ta`" in text and "`f01d5`" in text


def test_no_image_is_named_and_the_bytes_are_the_same_each_time(contents: page.Contents) -> None:
    text = summary_text.render(contents)
    assert "image0" not in text and text == summary_text.render(contents)


def test_without_a_test_part_it_speaks_of_validation(contents: page.Contents) -> None:
    summary = contents.summary | {"test": {}, "val": contents.summary["val"] | {"colour_dice": None}}
    text = summary_text.render(dataclasses.replace(contents, headline="val", summary=summary, advice=["a sentence"]))
    assert tables(text)[0][0] == ["score", "validation", "95 %"]
    assert "Validation Dice" in text and "colours alone reach -." in text and "\n* a sentence\n" in text


def test_no_name_is_markup_a_mention_or_an_address(contents: page.Contents) -> None:
    text = summary_text.render(contents)
    assert not re.search(r"@\w|(?<!&)#\d|\]\(|https?:/|<\w", text)
    assert text.count("\n# ") == 0 and text.startswith("# U-Net finds ")


@given(st.text())
def test_whatever_a_name_holds_is_one_line_of_plain_text(name: str) -> None:
    found = summary_text.escape(name)
    assert not re.search(r"[|`*_<>\[\]\\~!@\n\r$^{}\"]", re.sub(r"&#\d+;", "", found))
    back = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), found).replace("\u200b", "")
    assert back == " ".join(name.split()).replace("\u200b", "")


def test_plain_names_stay_as_they_are() -> None:
    assert summary_text.escape("traffic light 2 (left), 50 %") == "traffic light 2 (left), 50 %"
