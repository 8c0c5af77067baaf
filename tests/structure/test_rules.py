"""The rules of the house that an import linter does not know."""

import ast
import subprocess
import sys

import pytest

from segpipe.reproducibility.code_hash import file_of
from tests.structure.imports import ROOT, ROOTS, modules

ONE_DOOR = {
    "albumentations": {"segpipe.dataset.transforms"},
    "flwr": {"segpipe.federation.flower"},
    "huggingface_hub": {"segpipe.deployment.model_card"},
    "jinja2": {"segpipe.report.page"},
    "mlflow": {"segpipe.tracking.mlflow_runs"},
    "onnxruntime": {"segpipe.inference.onnx_session"},
    "opacus": {"segpipe.training.private"},
    "requests": {"segpipe.storage.download"},
    "tensorboard": {"segpipe.tracking.event_files"},
}


@pytest.mark.parametrize("library", ONE_DOOR)
def test_a_library_behind_one_door_is_imported_in_one_file(library: str) -> None:
    assert {module for module in modules() if library in _libraries(module)} == ONE_DOOR[library]


@pytest.mark.parametrize("folder", ["segpipe", "stages"])
def test_init_files_are_empty_but_for_the_way_in_from_python(folder: str) -> None:
    filled = [file for file in (ROOT / folder).rglob("__init__.py") if file.stat().st_size]
    assert filled == ([ROOT / "segpipe/__init__.py"] if folder == "segpipe" else [])


@pytest.mark.parametrize("module", modules())
def test_each_file_says_its_idea_in_the_first_line(module: str) -> None:
    file = file_of(ROOTS, module)
    assert file
    lines = (ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or "").splitlines()
    assert lines and lines[0].endswith((".", ";")), f"{module} opens without a sentence"


@pytest.mark.parametrize(
    "module",
    ["segpipe", "stages.download", "stages.convert", "stages.split", "stages.ensemble", "stages.report", "segpipe.cli.main"],
)
def test_light_commands_start_without_heavy_libraries(module: str) -> None:
    heavy = ("torch", "albumentations", "mlflow", "pandas", "cv2", "matplotlib", "requests", "jinja2", "tensorboard")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_scores_know_no_torch() -> None:
    """The report is made of them, and runs where there is no torch."""
    libraries = {module: _libraries(module) for module in modules() if module.startswith("segpipe.scores.")}
    assert len(libraries) > 5 and [module for module, found in libraries.items() if "torch" in found] == []


def test_only_workflows_and_the_schemas_room_see_all_of_params() -> None:
    knowing = [module for module in modules() if "Params" in _taken_from(module, "segpipe.params.schema")]
    assert [module for module in knowing if not module.startswith(("segpipe.params.", "segpipe.workflows."))] == []
    assert "segpipe.workflows.init" in knowing


def test_no_pickle_is_ever_read() -> None:
    guilty = [module for module in modules() if {"pickle", "dill", "joblib"} & _libraries(module)]
    assert guilty == []


def test_torch_files_are_read_as_weights_only() -> None:
    """Its default may change, and an environment variable changes it; what stands in the call stands."""
    calls = [
        (module, node)
        for module in modules()
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("torch.load", "get_state_dict"))
    ]
    assert {module for module, _ in calls} == {"segpipe.models.pretrained", "segpipe.models.layers.resnet_encoder"}
    assert [module for module, call in calls if "weights_only=True" not in ast.unparse(call)] == []


def _tree(module: str) -> ast.Module:
    file = file_of(ROOTS, module)
    assert file
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def _taken_from(module: str, other: str) -> set[str]:
    """The names that a module imports from another one."""
    nodes = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.ImportFrom) and node.module == other]
    return {alias.name for node in nodes for alias in node.names}


def _libraries(module: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
