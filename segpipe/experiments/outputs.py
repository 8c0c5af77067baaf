"""What a revision's pipeline left, from Git and from DVC's cache or remote, as a folder laid out like the project."""

import contextlib
import difflib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.experiments.dvc_experiments import experiments
from segpipe.experiments.git_state import git
from segpipe.storage.files import write_bytes

Fetch = Callable[[Sequence[Path]], Path]
"""From files' places to a folder that has them. Raises PipelineError for a file that the revision does not have, or that neither
the cache nor a remote has."""

WORKSPACE = "workspace"
"""The name of the files as they lie here."""


def commit_of(name: str) -> str:
    """The commit of an experiment (the latest one of that name), a branch, a tag or a commit; empty for WORKSPACE.

    Raises PipelineError for a name that is none of these.
    """
    if name == WORKSPACE:
        return ""
    known = experiments()
    if name in known:
        return known[name][0].commit
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except PipelineError:
        branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").split()
        close = difflib.get_close_matches(name, [WORKSPACE, *known, *branches], 1)
        meant = f"; did you mean {close[0]}?" if close else ". `dvc exp show` lists experiments."
        raise PipelineError(f"{name}: no experiment, branch, tag or commit{meant}") from None


@contextlib.contextmanager
def opened(name: str, commit: str) -> Iterator[Fetch]:
    """What brings files of the revision, for as long as it is open; for WORKSPACE they are there."""
    if not commit:
        yield lambda files: Path()
        return
    from dvc.api import DVCFileSystem  # Half a second, and only for revisions.

    with tempfile.TemporaryDirectory() as temporary:
        # DVC's view of a commit, in which outputs are files like those that Git has.
        revision = DVCFileSystem(".", rev=commit)

        def fetch(files: Sequence[Path]) -> Path:
            for path in files:
                write_bytes(Path(temporary) / path, _content(revision, name, path))
            return Path(temporary)

        yield fetch


def _content(revision: Any, name: str, path: Path) -> bytes:
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError

    try:
        return bytes(revision.read_bytes(path.as_posix()))
    except (FileNotFoundError, DataIndexDirError):
        raise PipelineError(
            f"{name}: no {path.as_posix()}. Its pipeline was not run there to the end, or another version of segpipe ran it, or "
            "its outputs are in no cache that is at hand: dvc pull, or dvc repro there."
        ) from None
    except DvcException as error:
        raise PipelineError(f"{name}: {path.as_posix()}: {str(error).splitlines()[0]}") from None
