"""The tutorial explains each term of the field where it first stands."""

import re

import pytest

from tests.pages import executed, written
from tests.structure.imports import ROOT

TERMS = (
    "segmentation", "class", "mask", "pipeline", "sample", "training", "validation", "test part", "epoch", "loss", "Dice", "IoU",
    "ONNX", "interval", "overfitting", "experiment", "learning rate", "fold",
)  # fmt: skip


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_bold_where_it_first_stands(term: str) -> None:
    text = re.sub(r"`[^`]+`|\]\([^)]*\)|^#.*$", "", written.prose(ROOT / executed.TUTORIAL[0]), flags=re.MULTILINE)
    first = re.search(rf"\b{term}(?:s|es)?\b".replace(" ", r"\s+"), text, re.IGNORECASE)
    assert first
    assert re.search(r"\*\*[^*\s][^*]*$", text[: first.end()]) and "**" in text[first.end() : first.end() + 20], text[
        : first.end()
    ][-80:]
