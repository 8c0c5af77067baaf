"""Which of our own files a module imports, at any depth and also inside functions: read from the source, not run."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("segpipe", "stages")


def closure(module: str) -> set[str]:
    """The files, as POSIX paths from the root, that `module` and all it imports consist of; empty ones left out."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += imported_by(name)
    return {file.relative_to(ROOT).as_posix() for name in seen if (file := file_of(name)) and file.stat().st_size}


def imported_by(module: str) -> list[str]:
    """The modules of ours that a module's own text imports, type-checking imports left out."""
    file = file_of(module)
    assert file, module
    tree = _without_type_checking(ast.parse(file.read_text(encoding="utf-8")))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
    return [name for name in dict.fromkeys(names) if name.split(".")[0] in PACKAGES and file_of(name)]


def file_of(module: str) -> Path | None:
    """The file that holds a module, or None where the name is no module of ours."""
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def modules() -> list[str]:
    """Every module of ours that holds code."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if file.stat().st_size)
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]


def _without_type_checking(tree: ast.Module) -> ast.Module:
    """Imports under `if TYPE_CHECKING` never run."""
    kept = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    return ast.Module(kept, type_ignores=[])
