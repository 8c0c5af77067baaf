"""What is printed as a remedy works as it is printed: the -S options of `segpipe convert`, and every command in a sentence."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

from segpipe.annotations.checks import files as doctor_files
from segpipe.annotations.checks.fixes import as_options
from segpipe.cli.convert import convert
from segpipe.cli.main import app
from segpipe.errors import PipelineError
from segpipe.params.schema import DataParams
from segpipe.reproducibility.code_hash import file_of
from tests.annotations.data_params import COMMON
from tests.corpus.case import Case, parameters
from tests.corpus.test_commands import CASES, names
from tests.structure.imports import ROOT, ROOTS, modules

ROUNDS = 4
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
OTHERS = {
    "--force": "dvc repro",
    "--force-reinstall": "pip install",
    "--no-deps": "pip install",
    "--images": "segpipe.workflows.trace",
    "--only-changed": "dvc exp show",
    "--queue": "dvc exp run",
    "--temp": "dvc exp run",
    "--name": "dvc exp run",
    "--all": "git add",
    "--unshallow": "git fetch",
    "--cached": "git diff",
    "--quiet": "git diff",
}
"""Options of other programs than `segpipe`, and whose."""
STYLED = {"segpipe.report.figures"}
"""Modules with variables of CSS, which begin as options do."""
OPTION = r"(?<![\w(-])--[a-z][a-z0-9-]*"
DVC = {"repro", "exp", "checkout", "pull", "push", "add", "plots", "commit", "diff", "dag", "queue", "metrics", "gc"}


def given(case: Case, data: DataParams) -> list[str]:
    """The case's parameters as options: all of its source's block, where it sets any of it."""
    common = {f"data.{key}": value for key, value in case.keys.items() if key in COMMON}
    block = getattr(data, case.source).model_dump() if case.keys.keys() - COMMON else {}
    return options(as_options(common | {f"data.{case.source}.{key}": value for key, value in block.items()}))


def options(printed: str) -> list[str]:
    """The values of -S in a line, as a shell hands them over."""
    return [word for word in shlex.split(printed) if word != "-S"]


def hint_of(error: PipelineError) -> list[str]:
    return [each for line in str(error).splitlines() if " -S " in line for each in options(line.partition(": ")[2])]


@pytest.mark.parametrize("case", [case for case in CASES if "params.yaml: data." in case.errors], ids=names)
def test_what_convert_prints_to_add_can_be_added(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_files, "write", lambda *_: None)  # pictures, which take most of the time
    root = tmp_path / "x"
    added = own = given(case, parameters(case, root))
    for number in range(ROUNDS):
        try:
            convert(root, tmp_path / f"out{number}", source=case.source, set_=added)  # type: ignore[arg-type]
            return
        except PipelineError as error:
            told, more = str(error), hint_of(error)
        assert not any(line.startswith(("--set", "--source", "data.")) for line in told.splitlines()), told
        if not more:
            assert case.masks is None, told
            return
        before, keys = ({each.partition("=")[0] for each in part} for part in (added[len(own) :], more))
        assert not before & keys, told
        added = [*added, *more]
    pytest.fail(told)


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """Every string of several words in the source, with its module; what is filled in is X."""
    return tuple((module, text) for module, text in strings() if " " in text)


def strings() -> Iterator[tuple[str, str]]:
    for module in modules():
        file = file_of(ROOTS, module)
        assert file
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
            id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield module, "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield module, node.value


def test_every_option_in_a_sentence_exists() -> None:
    found = {(module, option) for module, text in sentences() for option in re.findall(OPTION, text) if module not in STYLED}
    unknown = {(module, option) for module, option in found if option not in OPTIONS and option not in OTHERS}
    assert found
    assert unknown == set()


def test_every_command_in_a_sentence_exists_and_has_the_options_beside_it() -> None:
    wrong = []
    for module, text in sentences():
        for name, rest in re.findall(r"`segpipe ([a-z]+)([^`]*)`", text):
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts} if name in COMMANDS else set()
            wrong += [(module, text) for option in re.findall(OPTION, rest) if option not in known]
            wrong += [] if name in COMMANDS else [(module, text)]
        wrong += [(module, text) for name in re.findall(r"`dvc ([a-z]+)", text) if name not in DVC]
    assert wrong == []


def test_both_commands_that_read_a_folder_name_its_layout_alike() -> None:
    for name in ("init", "convert"):
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert known >= {"--kind", "--source", "--image-dir", "--mask-dir"}
