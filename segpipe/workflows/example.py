"""Runs a worked example: lays out a project and gives the very commands that a person would type, each printed first.

What is done is noted in the project, so that the same command goes on where it was, whatever ended it.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from segpipe import paths
from segpipe.acquire.examples import steps
from segpipe.acquire.examples.steps import Example, Step
from segpipe.errors import PipelineError
from segpipe.params import edit
from segpipe.storage import files, lock
from segpipe.workflows.new import lay_out

STATE = Path(".resume/example.json")
"""Below the project: the example's name, and the steps that are done as they were printed."""
MARK = ".gitignore"
"""In a folder of made data: keeps it out of Git, and says whose it is. `segpipe init` leaves hidden files behind."""
SOMEBODY = {"GIT_AUTHOR_NAME": "example", "GIT_AUTHOR_EMAIL": "example@localhost"}
SOMEBODY |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in SOMEBODY.items()}
"""Who commits where Git has been told no name."""


def titles() -> str:
    """A line an example: its name and what it shows."""
    found = [steps.read(name) for name in steps.NAMES]
    width = max(len(each.name) for each in found)
    return "\n".join(f"{each.name:<{width}}  {each.title}" for each in found)


def make_data(name: str, folder: Path) -> tuple[str, str]:
    """Makes the data of an example in a new folder, or again where it lies; returns where, and what to run next.

    Raises PipelineError for another name, and for a folder that holds anything else.
    """
    example = _known(name)
    mark, text = folder / MARK, f"# made by `segpipe example {name}`: nothing of it is for Git\n*\n"
    is_own = mark.is_file() and mark.read_bytes() == text.encode()
    if folder.exists() and not is_own and (not folder.is_dir() or any(folder.iterdir())):
        raise PipelineError(f"{folder}: it holds something else already. Name a new folder.")
    files.write_text(mark, text)
    example.make_data(folder)
    return str(folder), f"segpipe init {shlex.quote(str(folder))}"


def run(name: str, folder: Path) -> tuple[str, str]:
    """Runs the example in `folder`, or goes on with it; returns where the report is, and what to do next.

    Raises PipelineError for another name, a folder that holds anything else, and a command that fails.
    """
    example, folder = _known(name), folder.absolute()
    with lock.exclusive(folder.with_name(f".{folder.name}.lock"), f"the example in {folder}"):
        if not (folder / STATE).exists():
            _start(example, folder)
        done = _done(example, folder)
        for number, step in enumerate(example.steps):
            print(f"\n# {number + 1} of {len(example.steps)}. {step.say}".rstrip(". ") + ".", flush=True)
            print(step.shown(), flush=True)
            if number < len(done):
                print("done already", flush=True)
                continue
            _carry_out(example, step, folder)
            done.append(step.shown())
            _note(example, folder, done)
    print()
    return str(folder / paths.PAGE), f"open it in a browser; to go on from here: cd {shlex.quote(str(folder))}"


def _known(name: str) -> Example:
    if name not in steps.NAMES:
        raise PipelineError(
            f"{name}: no example is called so. There are {', '.join(steps.NAMES)}; `segpipe example` says what of."
        )
    return steps.read(name)


def _start(example: Example, folder: Path) -> None:
    """A project in the folder, whole or not at all."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PipelineError(f"{folder}: it holds something else already. Name a new folder: segpipe example {example.name} DIR")
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)  # of one that was killed
    lay_out(making)
    _note(example, making, [])
    os.replace(making, folder)


def _done(example: Example, folder: Path) -> list[str]:
    """The steps that are done. Raises PipelineError where they are not the first of this example's."""
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    done: list[str] = state["done"]
    if state["example"] != example.name or done != [each.shown() for each in example.steps[: len(done)]]:
        raise PipelineError(
            f"{folder}: it holds the example {state['example']}, of other steps. Name a new folder: "
            f"segpipe example {example.name} DIR"
        )
    return done


def _note(example: Example, folder: Path, done: list[str]) -> None:
    files.write_json(folder / STATE, {"example": example.name, "done": done})


def _carry_out(example: Example, step: Step, folder: Path) -> None:
    if step.run:
        _shell(step.run, folder)
    elif step.by_hand:
        print(example.hand(step.by_hand)(folder), flush=True)
    else:
        print("\n".join(map(str, edit.write(folder / paths.PARAMS, step.set))) or "params.yaml says so already", flush=True)


def _shell(command: str, folder: Path) -> None:
    """Runs a command as a person would, and waits for it. Raises PipelineError where it fails."""
    environment = _environment(folder)
    if command.startswith("git commit") and not _run("git diff --cached --quiet", folder, environment):
        print("nothing to commit", flush=True)
    elif code := _run(command, folder, environment):
        raise PipelineError(
            f"`{command}` ended with exit code {code}; what is wrong stands above. Mend it, then give the same command again: "
            "it goes on from here."
        )


def _run(command: str, folder: Path, environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, shell=True, cwd=folder, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The command has got it too, and may be saving what it has.
        process.wait()
        raise


def _environment(folder: Path) -> dict[str, str]:
    """`segpipe`, `dvc` and `python` are those of this environment, activated or not; commits have a name in any case."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    named = subprocess.run(["git", "config", "user.email"], cwd=folder, capture_output=True, check=False).returncode == 0
    return ({} if named else SOMEBODY) | os.environ | {"PATH": path}
