"""The page that describes the models, against the table of them and the keys there are."""

import re

from segpipe.models.table import MODELS
from segpipe.params.schema import ModelParams
from tests.models.suite import ROOT

PAGE = (ROOT / "docs" / "reference" / "models.md").read_text()


def test_every_row_is_a_model_that_is_there() -> None:
    """In the order of the table; one that someone adds needs no row."""
    overview = PAGE.partition("\n\nAll but")[0]
    rows = re.findall(r"^\| `(\w+)` \|", overview, flags=re.MULTILINE)
    assert len(rows) >= 10
    assert rows == [name for name in MODELS if name in rows]


def test_every_key_of_the_model_section_is_told() -> None:
    missing = [key for key in ModelParams.model_fields if f"`{key}`" not in PAGE and f"`model.{key}`" not in PAGE]
    assert missing == []
