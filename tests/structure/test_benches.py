"""Benches run by hand only: that each name of segpipe's that they use is there."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.imports import ROOT

BENCHES = sorted((ROOT / "bench").glob("*.py"))


def missing(tree: ast.AST) -> Iterator[str]:
    """Names that a module imports from segpipe, or takes from a module of it, and that are not there."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "segpipe":
            for alias in node.names:
                found = named(node.module or "", alias.name)
                if found is None:
                    yield f"{node.module}.{alias.name}"
                else:
                    modules[alias.asname or alias.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            owner = modules[node.value.id]
            if type(owner) is type(ast) and not hasattr(owner, node.attr):
                yield f"{owner.__name__}.{node.attr}"


def named(module: str, name: str) -> object:
    found = getattr(importlib.import_module(module), name, None)
    try:
        return importlib.import_module(f"{module}.{name}") if found is None else found
    except ModuleNotFoundError:
        return None


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_every_name_of_segpipe_is_there(bench: Path) -> None:
    assert [*missing(ast.parse(bench.read_text(encoding="utf-8")))] == []


def test_one_that_is_not_is_found() -> None:
    code = "from segpipe import scores, nothing\nfrom segpipe.scores import counts\nscores.Confusion, counts.Confusion\n"
    assert [*missing(ast.parse(code))] == ["segpipe.nothing", "segpipe.scores.Confusion"]
