"""What the code of a stage says: one hash of every file it imports, comments and docstrings left out, and of its templates.

DVC sees these hashes in code.json, so an edit reruns the stages whose code now says something else, and only those.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import get_args

from segpipe.params.schema import LossParams, ModelParams

Roots = Mapping[str, Path]
"""The folder that holds each package of PACKAGES."""
PACKAGES = ("segpipe", "stages")
ROOTS: Roots = {"segpipe": Path(__file__).parents[2], "stages": Path()}
"""Where the code lies that runs here: segpipe in the checkout, also that of a queued experiment, or where it is installed. The
stages are the project's own, and commands and stages run in its root."""
STAGES = ("download", "convert", "split", "sanity", "train", "evaluate", "ensemble", "export", "report")
VARIANTS: dict[str, tuple[str, ...]] = {
    "models": get_args(ModelParams.model_fields["name"].annotation),
    "losses": get_args(LossParams.model_fields["name"].annotation),
}
"""Rooms of which a stage runs one file, by the name in params.yaml: a new one beside the old changes no other's hash."""

TEMPLATES = ("templates/*.html", "templates/*.css", "templates/*.js", "templates/*.md", "templates/*.py")
"""Files beside a module that take part in the hash of whoever imports it, as they are."""

DECIDES_NO_BYTE = {
    "segpipe": "the way in for a notebook; no stage comes by it",
    "segpipe.params.schema": "checks values and passes them on; DVC sees the values themselves",
    "segpipe.params.load": "likewise",
    "segpipe.params.messages": "the words of refusals",
    "segpipe.params.stage_keys": "which keys a workflow sees; what it does with them stands in the workflow",
    "segpipe.workflows.out_of_memory": "the words of refusals",
    "segpipe.workflows.track_training": "what MLflow and TensorBoard are told",
    "segpipe.workflows.keep_failed_step": "what is kept of a training that ends in an error",
    "segpipe.workflows.watch_training": "what a person sees of a training",
    "segpipe.training.run_log": "likewise",
    "segpipe.storage.yaml_mapping": "reads params.yaml for it",
    "segpipe.errors": "the words of refusals",
    "segpipe.paths": "dvc.yaml names the same ones, and DVC sees it",
    "segpipe.console.progress": "what a terminal shows",
    "segpipe.console.tables": "likewise",
    "segpipe.storage.lock": "who works and who waits",
    "segpipe.console.parent_watch": "when to give up",
    "segpipe.console.stop_signals": "likewise",
    "segpipe.tracking.event_files": "what TensorBoard is told",
    "segpipe.tracking.mlflow_runs": "what MLflow is told",
    "segpipe.reproducibility.git_revision": "what MLflow is told",
    "segpipe.storage.workspace": "where unfinished work is kept",
}
# segpipe.params.architectures is not among them, since the report prints its titles. To the other stages it comes by way of
# the schema alone, to check values with: its strides pad nothing, each network brings its own.


def code_hashes(roots: Roots) -> dict[str, dict[str, str]]:
    """The hash of each stage, and of each variant of VARIANTS, by room and name."""
    rooms = {"stages": ("stages", STAGES)} | {room: (f"segpipe.{room}", names) for room, names in VARIANTS.items()}
    return {room: {name: code_hash(roots, [f"{package}.{name}"]) for name in names} for room, (package, names) in rooms.items()}


def code_hash(roots: Roots, modules: Iterable[str]) -> str:
    """One hash of what the modules and all that they import say, templates too: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    files = closure(roots, modules)
    texts = {file: _place(roots, file).read_text(encoding="utf-8") for file in files + templates(roots, files)}
    for file, text in texts.items():
        # A template is written out with its comments.
        digest.update(f"{file}\n{without_comments(text) if file in files else text}\n".encode())
    return digest.hexdigest()[:16]


def closure(roots: Roots, modules: Iterable[str]) -> list[str]:
    """The files, sorted POSIX paths from their roots, of the modules and all that they import at any depth.

    Imports inside functions count; empty files, type-checking imports and DECIDES_NO_BYTE do not.
    """
    seen: set[str] = set()
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name not in seen and name not in DECIDES_NO_BYTE:
            seen.add(name)
            waiting += imported_by(roots, name)
    return sorted(file for name in seen if (file := file_of(roots, name)) and _place(roots, file).stat().st_size)


def templates(roots: Roots, files: Iterable[str]) -> list[str]:
    """The files of TEMPLATES beside modules, sorted POSIX paths from their roots."""
    folders = {PurePosixPath(file).parent for file in files}
    found = {
        (folder / path.parent.name / path.name).as_posix()
        for folder in folders
        for pattern in TEMPLATES
        for path in _place(roots, folder.as_posix()).glob(pattern)
    }
    return sorted(found)


def imported_by(roots: Roots, module: str) -> list[str]:
    """The modules of ours that a module's own text imports, read from the source and not run."""
    file = file_of(roots, module)
    assert file, module
    names = _imports(_place(roots, file).read_text(encoding="utf-8"))
    return [name for name in names if file_of(roots, name)]


@cache
def _imports(source: str) -> tuple[str, ...]:
    """What the source may import, each name once. Kept, since every stage asks for most files again."""
    tree = _without_type_checking(ast.parse(source))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
    return tuple(dict.fromkeys(names))


def file_of(roots: Roots, module: str) -> str | None:
    """The file that holds a module, a POSIX path from its root, or None where the name is no module of ours."""
    if module.split(".", maxsplit=1)[0] not in roots:
        return None
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if _place(roots, file).is_file()), None)


def _place(roots: Roots, path: str) -> Path:
    """Where a file or folder of a package lies; its path begins with the package."""
    return roots[path.split("/", maxsplit=1)[0].removesuffix(".py")] / path


@cache
def without_comments(source: str) -> str:
    """Python source without comments, docstrings and blank lines: what is left is all that can change a result.

    Cut out of the text, since a parsed tree looks different in each version of Python.
    """
    # Offsets count bytes in ast and characters in tokenize: both are brought to bytes.
    lines = [line.encode("utf-8") for line in source.splitlines()]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    cuts: list[tuple[int, int, int, int | None]] = [
        (token.start[0], len(token.line[: token.start[1]].encode("utf-8")), token.end[0], None)
        for token in tokens
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            cuts.append((node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset))
    for first, start, last, end in sorted(cuts, reverse=True):
        rest = b"" if end is None else lines[last - 1][end:]
        lines[first - 1 : last] = [lines[first - 1][:start] + rest, *[b""] * (last - first)]
    return "\n".join(line.decode("utf-8").rstrip() for line in lines if line.strip())


def _without_type_checking(tree: ast.Module) -> ast.Module:
    """Imports under `if TYPE_CHECKING` never run."""
    kept = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    return ast.Module(kept, type_ignores=[])
