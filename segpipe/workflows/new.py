"""Lays out a new project: the pipeline, its parameters, stages and versions, as a repository of Git and DVC."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.layout import project

AUTHOR = ("-c", "user.name=segpipe", "-c", "user.email=segpipe@localhost", "-c", "commit.gpgsign=false")
"""Of the first commit, which is segpipe's work: nobody needs an identity of their own to begin."""


def lay_out(folder: Path) -> None:
    """Makes `folder` a project with one commit, ready for `dvc repro`.

    A new folder is there as a whole or not at all; an empty one, such as the working directory, is filled once all is made.
    Raises PipelineError where the folder holds something or cannot be made, and where Git is missing.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        other = shlex.quote(f"{folder.absolute()}-2")
        raise PipelineError(f"{folder}: is there and not empty. Name a folder that is new: segpipe new {other}")
    beside = folder.absolute().parent
    try:
        beside.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise PipelineError(
            f"{folder}: cannot be made, since a file lies where {beside} would be. Name another folder."
        ) from None
    with tempfile.TemporaryDirectory(prefix=".segpipe-new-", dir=beside) as scratch:
        made = Path(scratch) / "project"
        for name, content in project.files().items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (made / "run").chmod(0o755)
        _git(made, "init", "--quiet", "--initial-branch=main")
        _git(made, "add", "--all")
        _git(made, *AUTHOR, "commit", "--quiet", "--no-verify", "--message", "A new project of segpipe")
        if not folder.exists():
            made.rename(folder)
            return
        for each in made.iterdir():
            each.rename(folder / each.name)


def _git(folder: Path, *arguments: str) -> None:
    # A hook of Git that runs this would have it work on the repository of the hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        raise PipelineError("git: no such program. A project is kept in Git, as DVC wants it: install git.") from None
    if done.returncode:
        raise PipelineError(f"git {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
