"""gate.json: read as it was written, without names of images, and refused where it is not whole."""

import json
from pathlib import Path

import pytest

from segpipe import gate
from segpipe.errors import PipelineError
from segpipe.gate import Form, Gate, Passed

GATE = Gate(
    "test",
    2,
    5,
    (Form("as predicted", 2, 100, 1e-6, 0.01, "patient 7", "patient 8"),),
    {"dice": (0.5, None), "miou": (0.5, 0.75)},
)
LIMITS = {"tolerance": 1e-3, "changed_pixels": 0.1, "score_tolerance": 0.5}


def test_it_is_read_as_it_was_written_and_names_no_image(tmp_path: Path) -> None:
    file = tmp_path / "gate.json"
    gate.write(file, GATE, LIMITS, 20)
    assert "patient" not in file.read_text()
    unnamed = Gate("test", 2, 5, (Form("as predicted", 2, 100, 1e-6, 0.01),), GATE.scores)
    assert gate.read(file) == Passed(unnamed, LIMITS, 20)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), ("{", "Expecting"), ("{}", "gate: Field required"), (json.dumps({"gate": 1}), "gate: ")],
)
def test_what_is_not_whole_is_refused(content: str | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "gate.json").write_text(content)
    with pytest.raises(PipelineError, match=rf"gate\.json: not whole \(.*{reason}.*\)\. Run `dvc repro --force export`"):
        gate.read(tmp_path / "gate.json")


@pytest.mark.parametrize(
    ("pair", "apart"), [((0.5, 0.75), 0.25), ((None, None), 0.0), ((None, 0.0), 1.0), ((0.3, None), 1.0), ((0.2, 0.2), 0.0)]
)
def test_a_score_that_one_alone_has_is_as_far_apart_as_can_be(pair: gate.Pair, apart: float) -> None:
    assert gate.score_difference(pair) == apart
