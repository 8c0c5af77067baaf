"""dvc.yaml tells the truth: each stage depends on what its code says and on the keys it reads, no more, no less."""

import ast
from typing import Any

import pytest
import yaml

from segpipe.params.schema import Params
from segpipe.reproducibility.code_hash import STAGES, VARIANTS, closure
from tests.structure.imports import ROOT

PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
NEVER_A_RESULT = {"runtime", "tracking"}
SELECTORS = {"models": "models.${model.name}", "losses": "losses.${loss.name}"}


def test_the_seven_stages_stand_in_their_order_after_their_code() -> None:
    assert list(PIPELINE) == ["code", *STAGES]


def test_the_code_is_all_of_it() -> None:
    assert PIPELINE["code"]["deps"] == ["segpipe", "stages"]
    assert PIPELINE["code"]["outs"] == [{"code.json": {"cache": False}}]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_own_code_and_on_the_variants_that_it_runs(stage: str) -> None:
    files = closure(ROOT, [f"stages.{stage}"])
    chosen = [SELECTORS[room] for room in VARIANTS if f"segpipe/{room}/table.py" in files]
    assert stated(stage, "code.json") == {f"stages.{stage}", *chosen}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_no_variant_in_its_code(stage: str) -> None:
    """It would take part in the stage's own hash, and a change of it would rerun those who never use it."""
    files = closure(ROOT, [f"stages.{stage}"])
    assert [name for room, names in VARIANTS.items() for name in names if f"segpipe/{room}/{name}.py" in files] == []


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_keys_that_the_stage_reads(stage: str) -> None:
    found = {"data" if key.startswith("data.") else key for key in stated(stage, "params.yaml")}
    assert found == keys_read(stage)


@pytest.mark.parametrize("stage", PIPELINE)
def test_the_command_runs_the_stage_of_its_name(stage: str) -> None:
    assert PIPELINE[stage]["cmd"].split()[:2] == ["./run", stage]


@pytest.mark.parametrize("stage", ["convert", "train", "evaluate", "export", "report"])
def test_stages_whose_bytes_libraries_decide_depend_on_their_versions(stage: str) -> None:
    assert "runtime.lock" in PIPELINE[stage]["deps"]


def stated(stage: str, file: str) -> set[str]:
    """The keys of one file among the `params` of a stage."""
    keys: set[str] = set()
    for entry in PIPELINE[stage]["params"]:
        held = entry if isinstance(entry, dict) else {"params.yaml": [entry]}
        keys |= set(held.get(file, []))
    return keys


def keys_read(stage: str) -> set[str]:
    """What is taken of the whole Params: `every.section.key`, a section where it is passed on, the names in DECIDING."""
    files = [file for file in closure(ROOT, [f"stages.{stage}"]) if file.startswith("stages/")]
    tree = ast.parse("\n".join((ROOT / file).read_text(encoding="utf-8") for file in files))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    read: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_whole_params(node.value) and node.attr in Params.model_fields:
            parent = parents[node]
            single = isinstance(parent, ast.Attribute) and node.attr != "data"
            read.add(f"{node.attr}.{parent.attr}" if single else node.attr)  # type: ignore[attr-defined]
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DECIDING":
            read |= set(ast.literal_eval(node.value))
    sections = {key for key in read if "." not in key}
    covered = sections | NEVER_A_RESULT
    return (sections | {key for key in read if key.split(".")[0] not in covered}) - NEVER_A_RESULT


def _is_whole_params(node: ast.expr) -> bool:
    match node:
        case ast.Name(id="every") | ast.Attribute(attr="every"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="params"), attr="load")):
            return True
    return False
