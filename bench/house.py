"""How the source is laid out, in figures: of this checkout, and of another commit beside it.

Run in the repository: python bench/house.py [COMMIT]
"""

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

WIRING = ("stages", "segpipe/cli", "segpipe/workflows")
"""Where parts are put together, and nothing else should be done."""


def main() -> None:
    columns = {"here": figures(Path())}
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            archive = subprocess.run(["git", "archive", "--format=tar", sys.argv[1]], capture_output=True, check=True).stdout
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(folder, filter="data")
            columns = {sys.argv[1]: figures(Path(folder))} | columns
    print(f"{'':44}" + "".join(f"{name:>12}" for name in columns))
    for row in columns["here"]:
        print(f"{row:44}" + "".join(f"{column[row]:>12}" for column in columns.values()))


def figures(root: Path) -> dict[str, int]:
    """Each figure by its name; empty files count nowhere."""
    files = [file for package in ("segpipe", "stages") for file in (root / package).rglob("*.py") if file.stat().st_size]
    sources = {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}
    trees = {name: ast.parse(source) for name, source in sources.items()}
    lines = {name: len(source.splitlines()) for name, source in sources.items()}
    templates = [file for file in (root / "segpipe").rglob("templates/*") if file.is_file()]
    inside = [node for tree in trees.values() for node in imports_inside_functions(tree)]
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {
        "modules flat in segpipe/": sum(name.count("/") == 1 and name.startswith("segpipe/") for name in lines),
        "files": len(files),
        "lines": sum(lines.values()),
        "lines of templates": sum(len(file.read_text(encoding="utf-8").splitlines()) for file in templates),
        "imports inside functions": len(inside),
        "  of them of our own modules": sum(is_own(node) for node in inside),
        "TYPE_CHECKING blocks": sum(is_type_checking(node) for tree in trees.values() for node in ast.walk(tree)),
        "longest file of stages, cli and workflows": max(lines[name] for name in lines if name.startswith(WIRING)),
        "longest stage or command": max(lines[name] for name in lines if name.startswith(WIRING[:2])),
        "longest file": max(lines.values()),
        "longest function": max((node.end_lineno or 0) - node.lineno + 1 for node in functions),
    }


def imports_inside_functions(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Import statements in bodies of functions, each once."""
    found = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            found |= {id(node): node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)}
    return list(found.values())


def is_own(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("segpipe", "stages")


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


if __name__ == "__main__":
    main()
