"""Every command that a page shows or names is one that there is, with options that it has."""

import ast
import importlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser

from segpipe.cli.main import app
from segpipe.console import command
from tests.pages import written
from tests.structure.imports import ROOT

OURS = re.compile(r"(?:\.venv(?:-federated)?/bin/)?(segpipe|dvc|make|python) ")
OTHERS = {".", "git", "pip", "cd", "cp", "export", "head", "mkdir", "tail", "mlflow", "tensorboard", "labelme"}
"""Programs that are not ours; tests of the pages that show them run them."""
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\$\(([A-Z]+)\)", MAKEFILE))
ELSEWHERE = {"pytest"}
"""What `python -m` starts besides modules of ours."""
UsageError: Any = typer.BadParameter.__base__
"""Click's own, wherever this version of typer has it."""


def wrong(line: str, mentioned: bool = False) -> str:
    """What is wrong with a command, "" for nothing. One that is only mentioned may leave out what it needs."""
    words = shlex.split(line.partition(" > ")[0])
    program, rest = words[0].rpartition("/")[2], [word for word in words[1:] if word != "..."]
    try:
        match program:
            case "segpipe":
                _parse_click(_segpipe(), rest)
            case "dvc":
                return _wrong_dvc(rest, mentioned)
            case "make":
                return _wrong_make(rest)
            case "python":
                return _wrong_python(rest)
            case _:
                return "" if program in OTHERS else "no program that this test knows"
    except UsageError as error:
        left_out = mentioned and type(error).__name__ in ("MissingParameter", "BadOptionUsage")
        return "" if left_out else str(error.format_message())
    return ""


@cache
def _segpipe() -> Any:
    return typer.main.get_command(app)


def _parse_click(tool: Any, rest: list[str]) -> None:
    """Hands the words to the command, as the shell would, and runs nothing."""
    while hasattr(tool, "commands") and rest:
        _, tool, rest = tool.resolve_command(typer.Context(tool), rest)
    try:
        with tool.make_context(tool.name, rest):
            pass
    except typer.Exit:
        pass  # --help


def _wrong_dvc(rest: list[str], mentioned: bool) -> str:
    error = ""
    for words in [rest, [*rest, "NAME"]] if mentioned else [rest]:
        try:
            get_main_parser().parse_args(words)
            return ""
        except DvcParserError as refused:
            error = str(refused)
    return error


def _wrong_make(rest: list[str]) -> str:
    names = {word.partition("=")[0]: "=" in word for word in rest if not word.startswith("-")}
    unknown = [name for name, is_set in names.items() if name not in (VARIABLES if is_set else TARGETS)]
    return f"no target or variable of the Makefile: {unknown}" if unknown else ""


def _wrong_python(rest: list[str]) -> str:
    module = rest[1] if rest[0] == "-m" else rest[0].removesuffix(".py").replace("/", ".")
    options = [word for word in rest if re.match("--[a-z]", word)]
    file = ROOT / f"{module.replace('.', '/')}.py"
    if module in ELSEWHERE or module == "models.export.predict":  # written by the stage export
        return ""
    if not file.is_file():
        return f"no file {file.name}"
    if module.startswith("stages."):
        stage = command.new_app()
        stage.command()(importlib.import_module(module).main)
        _parse_click(typer.main.get_command(stage), rest[2:])
        return ""
    known = _options(file)
    return f"no options of it: {unknown}" if (unknown := [each for each in options if each not in known]) else ""


def _options(file: Path) -> set[str]:
    """Options of a script, read and not run: what argparse adds, and the arguments of typer's main."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    added = {
        word.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"
        for word in node.args
        if isinstance(word, ast.Constant)
    }
    mains = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "main"]
    arguments: list[Any] = [argument for main in mains for argument in (*main.args.args, *main.args.kwonlyargs)]
    return added | {f"--{argument.arg.strip('_').replace('_', '-')}" for argument in arguments}


@pytest.mark.parametrize("page", [page for page in written.PAGES if written.commands(page)], ids=written.name)
def test_every_command_that_is_shown_can_be_given(page: Path) -> None:
    shown = [each for line in written.commands(page) for each in line.split(" && ")]
    assert {line: said for line in shown if (said := wrong(line))} == {}


@pytest.mark.parametrize("page", written.PAGES, ids=written.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    printed = [line.partition("  #")[0].strip() for block in written.blocks(page, "") for line in block.splitlines()]
    named = [code for code in [*written.inline(page), *printed] if OURS.match(code)]
    assert {line: said for line in named if (said := wrong(line, mentioned=True))} == {}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("segpipe predit IMAGES", "No such command 'predit'"),
        ("segpipe predict IMAGES --fold", "No such option: --fold"),
        ("segpipe study runs FILE", "No such command 'runs'"),
        ("segpipe info", "Missing argument"),
        ("dvc exp runs", "parser error"),
        ("dvc exp run --tempp", "parser error"),
        ("make reproo", "reproo"),
        ("make PYTHONS=python3 repro", "PYTHONS"),
        ("python -m stages.trains --fold 0", "no file"),
        ("python -m stages.train --folds 0", "No such option"),
        ("python bench/defaults.py SET --minute 10", "--minute"),
        ("python bench/init_time.py --against REVISION --imags 3", "--imags"),
        ("sgpipe predict IMAGES", "no program"),
    ],
)
def test_a_command_that_there_is_not_is_found(line: str, part: str) -> None:
    assert part in wrong(line)
