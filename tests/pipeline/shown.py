"""Runs what pages show, one command after the other, as a reader would in a shell of the project."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.pages import executed, written
from tests.structure.imports import ROOT


@dataclass(frozen=True)
class Done:
    """A command of a page, how it ended, and the curves of the training that are there after it, if there are any."""

    page: str
    command: str
    result: "subprocess.CompletedProcess[str]"
    curves: bytes


def commands(pages: tuple[str, ...]) -> list[tuple[str, str]]:
    """What the pages show and a test can run, with the page."""
    found = [(page, command) for page in pages for command in written.commands(ROOT / page)]
    return [(page, command) for page, command in found if command not in executed.NOT_RUN]


def run(project: Path, pages: tuple[str, ...], stands_for: dict[str, str], before: dict[str, str] | None = None) -> list[Done]:
    """Runs all of it; `stands_for` has what is run in a command's place, `before` what is run before a page."""
    found = []
    for page in pages:
        if before and page in before:
            prepared = _shell(project, before[page])
            assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        for _, command in commands((page,)):
            result = _shell(project, stands_for.get(command, command))
            curves = project / "metrics/curves.csv"
            found.append(Done(page, command, result, curves.read_bytes() if curves.exists() else b""))
    return found


def failures(done: list[Done]) -> dict[str, str]:
    """What the commands that failed printed."""
    return {f"{each.page}: {each.command}": each.result.stdout + each.result.stderr for each in done if each.result.returncode}


def _shell(project: Path, command: str) -> "subprocess.CompletedProcess[str]":
    path = f"{project / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True, cwd=project, env=os.environ | {"PATH": path, "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
