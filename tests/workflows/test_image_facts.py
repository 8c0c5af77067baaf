"""What the scores of an image go by: the group that the split found for it, and the size of its pixels."""

import pandas as pd
import pytest

from segpipe.errors import PipelineError
from segpipe.scores.details import ImageFacts
from segpipe.workflows.image_facts import image_facts

GROUPS = {"a": "a", "b": "a", "c": ""}


def rows(**spacing: list[int]) -> pd.DataFrame:
    """Two images of index.csv, whose own columns know of no group."""
    return pd.DataFrame({"group": ["", ""], "twin": ["", ""]} | spacing, index=["b", "c"])


def test_images_that_names_join_are_of_one_group() -> None:
    assert image_facts(rows(), GROUPS, "pixels") == {"b": ImageFacts("a"), "c": ImageFacts("")}


def test_sizes_are_in_millimetres_rows_first() -> None:
    found = image_facts(rows(spacing_x=[500_000, 1], spacing_y=[250_000, 2]), GROUPS, "millimetres")
    assert found == {"b": ImageFacts("a", (0.25, 0.5)), "c": ImageFacts("", (2e-6, 1e-6))}


def test_images_that_do_not_say_it_are_all_named() -> None:
    with pytest.raises(PipelineError, match=r"2 images do not say how large a pixel is \(b, c\)"):
        image_facts(rows(spacing_x=[0, 1], spacing_y=[1, 0]), GROUPS, "millimetres")
