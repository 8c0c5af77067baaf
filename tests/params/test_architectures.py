"""The records of the architectures, as far as they can be held without a network; tests/models holds them to the networks."""

import subprocess
import sys

import pytest

from segpipe.params.architectures import ARCHITECTURES, PHOTO_INPUTS
from segpipe.params.schema import InputParams, ModelParams, trained_inputs
from tests import plain_params
from tests.structure.imports import ROOT


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_it_reads_are_keys_of_the_model_section(name: str) -> None:
    assert ARCHITECTURES[name].reads < ModelParams.model_fields.keys() - {"name"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_an_architecture_of_a_library_goes_without_a_title(name: str) -> None:
    record = ARCHITECTURES[name]
    assert bool(record.title) != ("architecture" in record.reads)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_have_an_input_that_can_be_asked_for(name: str) -> None:
    choices = InputParams.model_json_schema()["properties"]["normalise"]["enum"]
    model = plain_params.PARAMS.model.model_copy(update={"name": name})
    found = [
        trained_inputs(model.model_copy(update={"weights": weights})) for weights in ("none", "imagenet", "bundled", "w.pth")
    ]
    takes = "weights" in ARCHITECTURES[name].reads
    assert [bool(each) for each in found] == [False, takes, takes, takes]
    assert {*PHOTO_INPUTS, *found[1], *found[2]} <= set(choices)


def test_records_are_known_without_torch() -> None:
    code = "import sys, segpipe.params.architectures; print('torch' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]
