"""The examples' pages: the commands are those that run, the numbers the recorded ones, the pictures are there and small."""

import json
import re

import pytest
import yaml

from segpipe.acquire.examples import slices, steps
from segpipe.acquire.examples.steps import Example
from tests.examples import record

EXAMPLES = [steps.read(name) for name in steps.NAMES]


@pytest.fixture(params=EXAMPLES, ids=steps.NAMES)
def example(request: pytest.FixtureRequest) -> Example:
    """Each example in turn."""
    return request.param


@pytest.fixture
def page(example: Example) -> str:
    """Its page."""
    return (record.PAGES / example.name / "README.md").read_text(encoding="utf-8")


def test_the_page_shows_the_commands_that_run(example: Example, page: str) -> None:
    whole, *shown = [line.partition("  #")[0].strip() for block in record.blocks(page, "bash") for line in block.splitlines()]
    assert whole == f"segpipe example {example.name}"
    assert shown == [step.run for step in example.steps if step.run]


def test_the_page_shows_the_keys_that_are_set(example: Example, page: str) -> None:
    shown = [yaml.safe_load(block) for block in record.blocks(page, "yaml")]
    assert shown == [yaml.safe_load(step.shown()) for step in example.steps if step.set]


def test_the_pages_numbers_are_the_recorded_ones(example: Example, page: str) -> None:
    between = page.partition(record.MARKS[0])[2].partition(record.MARKS[1])[0]
    assert between == f"\n{record.table(example.name)}"
    assert len(re.findall(r"0\.\d{3} \(0\.\d{3} \.\. 0\.\d{3}\)", between)) >= 10


def test_the_pages_pictures_are_there_and_small(example: Example, page: str) -> None:
    pictures = re.findall(r"\]\((\w+\.jpg)\)", page)
    assert pictures
    assert {path.name for path in (record.PAGES / example.name).glob("*.jpg")} == set(pictures)
    assert all((record.PAGES / example.name / each).stat().st_size <= record.MOST_BYTES for each in pictures)


def test_the_model_is_far_above_colours_alone(example: Example) -> None:
    scores = json.loads((record.PAGES / example.name / "summary.json").read_text(encoding="utf-8"))["test"]
    assert scores["dice"] > 0.7 and scores["colour_dice"] < scores["dice"] - 0.25


def test_the_badly_scanned_patient_is_the_least_trusted() -> None:
    recorded = json.loads((record.PAGES / "medical/recorded.json").read_text(encoding="utf-8"))
    first = (slices.PATIENTS + slices.NEW - 1) * slices.SLICES
    assert set(recorded["least_trusted"]) == {f"slice{first + place}" for place in range(slices.SLICES)}
