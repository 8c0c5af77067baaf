"""What DVC leaves of an experiment when it is killed, and how it is taken away, so that the next one can start.

While an experiment starts, for a fraction of a second, DVC writes its parameters into the project's own params.yaml, detaches
HEAD and keeps the changes in a stash, which the next experiment would run too. Later there is a folder of its own to remove.
A note of what runs lies under `.resume` meanwhile, so that nothing is touched which a person may have changed since.
"""

import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.experiments import dvc_experiments
from segpipe.experiments.arms import Arm
from segpipe.experiments.git_state import Head, branch, changed_files, git
from segpipe.experiments.set_params import written
from segpipe.paths import PARAMS
from segpipe.storage import files

OF_START = {PARAMS.as_posix(), ".dvc/tmp/repro.dat"}
"""The files that Git sees changed when DVC was killed while an experiment started."""
STASH = "refs/exps/stash"
LOCKS = (Path(".dvc/tmp/rwlock"), Path(".dvc/tmp/exps/rwlock"))
START_S = 60.0
"""Longer than any experiment takes to start, from its note on."""
NOTE = Path(".resume/study-arm.json")
FOLDERS = Path(".dvc/tmp/exps")
STANDALONE = FOLDERS / "standalone"


def note(arm: Arm, head: Head) -> None:
    """Writes down that the arm starts from here; nothing is changed in the project then."""
    content = {"name": arm.name, "commit": head.commit, "branch": head.branch, "options": arm.options}
    files.write_json(NOTE, content)


def mend() -> str:
    """Takes away what an arm that was killed has left, and its note; says so, or nothing where all is as it should be.

    Raises PipelineError where more is changed than DVC does, and says how it is put right.
    """
    if (left := _read()) is None:
        return ""
    with dvc_experiments.held():
        _unlock()
        found = [_put_back(left), _drop_stashed(left["name"]), _remove_folders(left["name"])]
    NOTE.unlink()
    told = [each for each in found if each]
    return f"{left['name']} was killed before it was done; {', '.join(told)}" if told else ""


def _read() -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _unlock() -> None:
    """Removes what would keep DVC and Git from starting again."""
    for lock in LOCKS:
        # DVC writes it in place: killed then, it leaves it empty.
        if lock.is_file() and not lock.stat().st_size:
            lock.unlink()
    folder, noted = Path(git("rev-parse", "--git-dir").strip()), NOTE.stat().st_mtime
    for lock in (*folder.glob("*.lock"), *folder.glob("refs/**/*.lock")):
        # Of this start, and not of what somebody does in Git now.
        if 0 <= lock.stat().st_mtime - noted < START_S:
            lock.unlink()


def _put_back(left: dict[str, Any]) -> str:
    """params.yaml and the branch as they were before the start."""
    changed = changed_files()
    if not changed and branch() == left["branch"]:
        return ""
    moved = git("rev-parse", "HEAD").strip() != left["commit"]
    if not changed and moved:
        return ""  # Somebody has gone on to another commit.
    if moved or not set(changed) <= OF_START or not _is_dvcs(left, changed):
        name = left["branch"].removeprefix("refs/heads/") or left["commit"]
        raise PipelineError(
            f"DVC was killed while it started {left['name']}, and may have left HEAD detached and the arm's values in "
            f"params.yaml; since then more has changed: {', '.join(changed)}. Keep what is yours, then run: "
            f"git checkout --force {name}"
        )
    git("reset", "--hard", "--quiet")
    if left["branch"]:
        git("symbolic-ref", "HEAD", left["branch"])
    return "params.yaml and the branch are as they were"


def _is_dvcs(left: dict[str, Any], changed: list[str]) -> bool:
    """Whether params.yaml holds what DVC writes for the arm, or its beginning: DVC writes in place."""
    if PARAMS.as_posix() not in changed:
        return True
    before = git("show", f"{left['commit']}:{PARAMS.as_posix()}")
    return written(before, left["options"]).startswith(PARAMS.read_text(encoding="utf-8", errors="replace"))


def _drop_stashed(name: str) -> str:
    """The stashed start of the arm: DVC would run it beside the next one."""
    if not git("for-each-ref", STASH):
        return ""
    entries = git("reflog", "show", "--format=%gs", STASH).splitlines()
    own = [place for place, entry in enumerate(entries) if re.search(rf":{re.escape(name)}$", entry)]
    if own and len(entries) == len(own):
        git("update-ref", "-d", STASH)
    else:
        for place in reversed(own):
            git("reflog", "delete", "--rewrite", "--updateref", f"{STASH}@{{{place}}}")
    return "its start was dropped" if own else ""


def _remove_folders(name: str) -> str:
    """The folder in which the arm ran; also one that was made in its start and of which DVC has not yet noted whose it is."""
    owners, noted = _owners(), NOTE.stat().st_mtime
    removed = False
    for folder in STANDALONE.glob("tmp*"):
        owner = owners.get(folder.resolve())
        if owner == name or (owner is None and 0 <= folder.stat().st_mtime - noted < START_S):
            shutil.rmtree(folder)
            removed = True
    return "its folder was removed" if removed else ""


def _owners() -> dict[Path, str]:
    """The experiment of each folder, as DVC has noted it."""
    found: dict[Path, str] = {}
    for file in (*FOLDERS.glob("run/*/*.run"), *STANDALONE.glob("run/*/*.run")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            info = json.loads(file.read_text(encoding="utf-8"))
            found[Path(info["root_dir"]).resolve()] = str(info["name"])
    return found
