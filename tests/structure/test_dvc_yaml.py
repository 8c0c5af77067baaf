"""dvc.yaml tells the truth: each stage depends on what its code says and on the keys it reads, no more, no less."""

import ast
import operator
import re
from pathlib import Path
from typing import Any, get_args

import mypy.api
import pytest
import yaml
from pydantic import BaseModel

from segpipe import paths
from segpipe.params import stage_keys
from segpipe.params.load import load_params
from segpipe.params.schema import Params, Source
from segpipe.params.stage_keys import NEVER_A_RESULT, Keys
from segpipe.reproducibility.code_hash import DECIDES_NO_BYTE, STAGES, VARIANTS, closure, file_of
from tests.structure.imports import ROOT, ROOTS

PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
KEYS: dict[str, type[Keys]] = {stage: getattr(stage_keys, f"{stage.title()}Keys") for stage in STAGES}
OF_DVC = {paths.LOCK, paths.PARAMS}
"""What DVC itself writes, and reads."""
WHOLE = {"segpipe.params.load", "segpipe.params.edit", "segpipe.params.schema.Params"}
"""The ways to all of params.yaml."""
SELECTORS = {"models": "models.${model.name}", "losses": "losses.${loss.name}"}


def test_the_nine_stages_stand_in_their_order_after_their_code() -> None:
    assert list(PIPELINE) == ["code", *STAGES]


def test_the_code_is_all_of_it() -> None:
    assert PIPELINE["code"]["deps"] == ["segpipe", "stages"]
    assert PIPELINE["code"]["outs"] == [{"code.json": {"cache": False}}]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_own_code_and_on_the_variants_that_it_runs(stage: str) -> None:
    files = closure(ROOTS, [f"stages.{stage}"])
    chosen = [SELECTORS[room] for room in VARIANTS if f"segpipe/{room}/table.py" in files]
    assert stated(stage, "code.json") == {f"stages.{stage}", *chosen}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_no_variant_in_its_code(stage: str) -> None:
    """It would take part in the stage's own hash, and a change of it would rerun those who never use it."""
    files = closure(ROOTS, [f"stages.{stage}"])
    assert [name for room, names in VARIANTS.items() for name in names if f"segpipe/{room}/{name}.py" in files] == []


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_keys_that_the_stage_can_read(stage: str) -> None:
    """No more and no less; that it does read each of them, tests/workflows/test_keys.py finds by running it."""
    assert {leaf for key in stated(stage, "params.yaml") for leaf in leaves(key)} == readable(KEYS[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_another_key_does_not_exist_for_a_stage(stage: str) -> None:
    """Whatever the variable is called, wherever it goes: reading it fails."""
    given = KEYS[stage].of(load_params(ROOT / "params.yaml"))
    hidden = {leaf for name in Params.model_fields for leaf in leaves(name)} - readable(KEYS[stage])
    hidden = {leaf for leaf in hidden if leaf.split(".")[0] not in NEVER_A_RESULT and "${" not in leaf}
    assert hidden
    for leaf in hidden:
        with pytest.raises(AttributeError):
            operator.attrgetter(leaf)(given)


def test_mypy_refuses_another_key_under_any_name(tmp_path: Path) -> None:
    lines = (
        "from segpipe.params.stage_keys import EvaluateKeys",
        "def read(them: EvaluateKeys) -> object:",
        "    return them.{}",
    )
    for key, problem in (("infer.tile", ""), ("seed", 'has no attribute "seed"'), ("train.epochs", 'has no attribute "epochs"')):
        file = tmp_path / "workflow.py"
        file.write_text("\n".join(lines).format(key))
        said, _, status = mypy.api.run([str(file), "--cache-dir", str(ROOT / ".mypy_cache")])
        assert (problem in said) and status == bool(problem), said


@pytest.mark.parametrize("stage", STAGES)
def test_the_whole_of_params_goes_nowhere_but_into_the_stages_keys(stage: str) -> None:
    """The other half of the proof: nobody behind a stage reads params.yaml, or is handed all of it."""
    door = f"stages/{stage}.py"
    # What decides no byte is not in the closure, and might read a key all the same.
    names = [name for name in DECIDES_NO_BYTE if not name.startswith("segpipe.params.")]
    outside = [file for name in names if (file := file_of(ROOTS, name))]
    for file in [*closure(ROOTS, [f"stages.{stage}"]), *outside]:
        if file != door:
            assert not WHOLE & imports(file), file
    loaded = re.findall(r"\w+\.of\(load_params\(\)\)", (ROOT / door).read_text(encoding="utf-8"))
    assert loaded == [f"{KEYS[stage].__name__}.of(load_params())"]
    assert (ROOT / door).read_text(encoding="utf-8").count("load_params()") == 1


@pytest.mark.parametrize("stage", PIPELINE)
def test_the_command_runs_the_stage_of_its_name(stage: str) -> None:
    assert PIPELINE[stage]["cmd"].split()[:2] == ["./run", stage]


@pytest.mark.parametrize("stage", ["convert", "sanity", "train", "evaluate", "ensemble", "export", "report"])
def test_stages_whose_bytes_libraries_decide_depend_on_their_versions(stage: str) -> None:
    assert "runtime.lock" in PIPELINE[stage]["deps"]


def test_each_path_that_the_code_names_is_named_in_dvc_yaml() -> None:
    """So a path that changes is a change that DVC sees, and paths.py need not be in the hash of any code."""
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8").replace("${item.fold}", "7")
    outs = {path for stage in PIPELINE.values() for path in outputs(stage)}
    named = [path for path in vars(paths).values() if isinstance(path, Path)]
    named += [
        make(7) for make in (paths.model_folder, paths.model_file, paths.history_file, paths.snapshots_folder, paths.eval_folder)
    ]
    for path in named:
        inside = any(path.is_relative_to(out) for out in outs)
        assert inside or path.as_posix() in text or path in OF_DVC, path


def test_each_output_has_its_name_in_the_code() -> None:
    named = {path for path in vars(paths).values() if isinstance(path, Path)} | {paths.model_folder(7), paths.eval_folder(7)}
    for stage in PIPELINE.values():
        for out in outputs(stage):
            assert any(path.is_relative_to(out) or out.is_relative_to(path) for path in named), out


def outputs(stage: dict[str, Any]) -> list[Path]:
    """What a stage writes, of fold 7 where it is a fold's."""
    entries = [*stage.get("outs", []), *stage.get("metrics", [])]
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    return [Path(name.replace("${item.fold}", "7")) for name in names]


def stated(stage: str, file: str) -> set[str]:
    """The keys of one file among the `params` of a stage."""
    keys: set[str] = set()
    for entry in PIPELINE[stage]["params"]:
        held = entry if isinstance(entry, dict) else {"params.yaml": [entry]}
        keys |= set(held.get(file, []))
    return keys


def imports(file: str) -> set[str]:
    """All that a file imports, by full name; `from a import b` is both a and a.b."""
    nodes = [*ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return plain | {str(node.module) for node in parts} | {f"{node.module}.{each.name}" for node in parts for each in node.names}


def readable(keys: type[BaseModel], prefix: str = "") -> set[str]:
    """The keys of params.yaml that a stage's type holds, by dotted name, those of a source's block as one."""
    found: set[str] = set()
    for name, field in keys.model_fields.items():
        if name in NEVER_A_RESULT and not prefix:
            continue
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Keys):
            found |= readable(annotation, f"{name}.")
        else:
            found |= leaves(prefix + name)
    return found


def leaves(key: str) -> set[str]:
    """The keys below a key; the block of any source is `data.${data.source}`, as dvc.yaml calls it."""
    if key.removeprefix("data.") in get_args(Source):
        return {"data.${data.source}"}
    section: Any = Params
    for part in key.split("."):
        if part not in section.model_fields:
            return {key}
        section = section.model_fields[part].annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return {key}
    return {leaf for name in section.model_fields for leaf in leaves(f"{key}.{name}")}
