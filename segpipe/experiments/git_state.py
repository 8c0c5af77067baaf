"""What Git says of the project: whether experiments can be made from it, and kept, and whether anything changed meanwhile."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from segpipe.errors import PipelineError

SHOWN = 6


@dataclass(frozen=True)
class Head:
    """Where the project stands: a commit, and the branch that is checked out, empty for none."""

    commit: str
    branch: str


def git(*arguments: str) -> str:
    """What Git answers. Raises PipelineError with Git's own words where it refuses."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, errors="surrogateescape")
    except FileNotFoundError:
        raise PipelineError("git: no such program. Experiments are kept in Git: install it.") from None
    if done.returncode:
        raise PipelineError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip() or 'refused'}")
    return done.stdout


def require_ready() -> Head:
    """Where the project stands, which experiments can start from. Raises PipelineError where they cannot, or would be lost."""
    try:
        shallow = git("rev-parse", "--is-shallow-repository").strip() == "true"
    except PipelineError as error:
        raise PipelineError(f"{error}. Experiments are kept in Git: run this in a clone of the project.") from None
    if shallow:
        raise PipelineError(
            "this clone is shallow, and DVC loses experiments in one without a word. Bring the rest: git fetch --unshallow"
        )
    try:
        commit = git("rev-parse", "--verify", "HEAD^{commit}").strip()
    except PipelineError:
        raise PipelineError("there is no commit yet, which experiments start from. Run: git add --all && git commit") from None
    try:
        git("var", "GIT_COMMITTER_IDENT")
    except PipelineError:
        raise PipelineError(
            "Git does not know who you are, and experiments are commits. Run: git config user.name NAME && git config user.email "
            "ADDRESS"
        ) from None
    if changed := changed_files():
        # DVC puts what is changed away and back each time an experiment starts, and takes it along: what is edited while a
        # study runs would be in its later arms alone, and no name would say so.
        raise PipelineError(
            f"not committed: {_some(changed)}. Every arm of a study starts from the same commit: commit these files, or put "
            "them away by `git stash`."
        )
    return Head(commit, branch())


def branch() -> str:
    """The full name of the branch that is checked out; empty where a commit is."""
    try:
        return git("symbolic-ref", "--quiet", "HEAD").strip()
    except PipelineError:
        return ""


def changed_files() -> list[str]:
    """Tracked files that differ from the commit, staged or not."""
    return _names(git("diff", "--name-only", "-z", "HEAD"))


def untracked_files() -> list[str]:
    """Files that Git neither tracks nor ignores: no experiment sees them."""
    return _names(git("ls-files", "--others", "--exclude-standard", "-z"))


def not_taken_along(known: str) -> str:
    """A sentence about files that no arm will see, but for the `known` one; empty where there are none."""
    found = [name for name in untracked_files() if name != known]
    return f"not in Git, and so in no arm: {_some(found)}" if found else ""


def _names(answer: str) -> list[str]:
    return [name for name in answer.split("\0") if name]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
