"""dvc.yaml tells the truth: each stage depends on the code it imports and on the sections it reads, no more, no less."""

import ast
from typing import Any

import pytest
import yaml

from segpipe.params import Params
from tests.structure.imports import ROOT, file_of
from tests.structure.write_deps import code_deps

STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
NEVER_A_RESULT = {"runtime", "tracking"}


def test_the_seven_stages_stand_in_their_order() -> None:
    assert list(STAGES) == ["download", "convert", "split", "train", "evaluate", "export", "report"]


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_code_that_the_stage_imports(stage: str) -> None:
    stated = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert stated == set(code_deps(stage)), "run `make deps`"


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_that_the_stage_reads(stage: str) -> None:
    stated = {"data" if key.startswith("data.") else key for key in STAGES[stage].get("params", [])}
    assert stated == sections_read(stage) - NEVER_A_RESULT


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_runs_the_stage_of_its_name(stage: str) -> None:
    assert STAGES[stage]["cmd"].split()[:2] == ["./run", stage]


@pytest.mark.parametrize("stage", ["convert", "train", "evaluate", "export", "report"])
def test_stages_whose_bytes_libraries_decide_depend_on_their_versions(stage: str) -> None:
    assert "runtime.lock" in STAGES[stage]["deps"]


def sections_read(stage: str) -> set[str]:
    """The attributes taken of the whole Params: `params.load().X`, `every.X`, and the names in DECIDING."""
    file = file_of(f"stages.{stage}")
    assert file
    read: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and _is_whole_params(node.value):
            read.add(node.attr)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DECIDING":
            read |= set(ast.literal_eval(node.value))
    return read & set(Params.model_fields)


def _is_whole_params(node: ast.expr) -> bool:
    match node:
        case ast.Name(id="every") | ast.Attribute(attr="every"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="params"), attr="load")):
            return True
    return False
