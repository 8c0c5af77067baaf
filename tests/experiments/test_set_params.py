"""A value after -S comes out of DVC as this very value, for both readers of YAML."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from segpipe.errors import PipelineError
from segpipe.experiments.set_params import option

NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))


def through_dvc(value: Any) -> list[Any]:
    """What PyYAML and ruamel.yaml read in a file into which DVC has set the value."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "params.yaml"
        file.write_text("section:\n  key: 0   # a comment\n", encoding="utf-8")
        apply_overrides(str(file), [option("section.key", value)])
        text = file.read_text(encoding="utf-8")
        assert "# a comment" in text or isinstance(value, list)
        return [load(text)["section"]["key"] for load in (yaml.safe_load, YAML(typ="safe", pure=True).load)]


def test_options_are_these() -> None:
    assert option("loss.dice_weight", 0.7) == "loss.dice_weight=0.7"
    assert option("train.deterministic", False) == "train.deterministic=false"
    assert option("folds", [0, 2]) == "folds=[0,2]"
    assert option("decision.postprocess", ["open 3", "fill_holes"]) == "decision.postprocess=['open 3','fill_holes']"


@given(NUMBERS)
def test_a_number_stays_the_number(value: float) -> None:
    # PyYAML takes 1e-05 for text, which the schema makes the number of that it is.
    assert [float(read) for read in through_dvc(value)] == [value, value]


@pytest.mark.parametrize("tenths", range(11))
def test_tenths_written_out_stay_tenths(tenths: int) -> None:
    value = yaml.safe_load(f"{tenths / 10:.1f}")
    assert option("k", value) == f"k={tenths / 10:.1f}" and through_dvc(value) == [value, value]


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        "unet",
        "open 3",
        "it's",
        "a,b",
        "a=b",
        "null",
        "1e-4",
        "true",
        "NaN",
        "",
        "0o7",
        "{stem}_mask",
        "tu-efficientnet_lite0",
        [],
        [0],
        ["a b", "c"],
    ],
)
def test_other_values_stay_too(value: Any) -> None:
    assert through_dvc(value) == [value, value]


@pytest.mark.parametrize("value", ["no", "On", "1:30", "${seed}", float("nan"), {"a": 1}, None, "back\\slash"])
def test_what_would_come_out_as_something_else_is_refused(value: Any) -> None:
    with pytest.raises(PipelineError, match=r"^loss\.name: "):
        option("loss.name", value)
