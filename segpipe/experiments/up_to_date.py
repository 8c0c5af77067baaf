"""Whether an experiment still is what its arm would give: the same parameters, code and data, and its outputs are there.

Where it is not, the arm runs again, and DVC brings back from its run cache whatever has not changed. So in doubt an arm runs.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.experiments import dvc_experiments
from segpipe.experiments.arms import Arm, results_of
from segpipe.experiments.dvc_experiments import Experiment, content_of
from segpipe.experiments.git_state import git
from segpipe.params.overrides import leaves
from segpipe.paths import CODE, LOCK, PARAMS
from segpipe.reproducibility import code_hash

PIPELINE = Path("dvc.yaml")
CODE_STAGE = "code"
"""Its dependencies are all of the source; what that says is compared by code.json, comments left out."""
SHOWN = 3


def kept(made: Sequence[Arm], head: str) -> tuple[dict[str, Experiment], dict[str, str]]:
    """By an arm's name the experiment that still is its own, and where there are only others why the latest is not.

    `head` is the commit that arms start from now.
    """
    every = dvc_experiments.experiments()
    there = {arm.name: every.get(arm.name, []) for arm in made}
    cache_folder = dvc_experiments.cache_folder() if any(there.values()) else Path()
    own, reasons = dict[str, Experiment](), dict[str, str]()
    for arm in made:
        for experiment in there[arm.name]:
            reason = why_not(experiment, arm, head, cache_folder)
            if not reason:
                own[arm.name] = experiment
                break
            reasons.setdefault(arm.name, reason)
    return own, {name: reason for name, reason in reasons.items() if name not in own}


def why_not(experiment: Experiment, arm: Arm, head: str, cache_folder: Path) -> str:
    """Why the experiment is not the arm's any more, in some words; empty where it is. `head` is the commit now."""
    pipeline, lock = (content_of(experiment.commit, path) for path in (PIPELINE, LOCK))
    params = content_of(experiment.commit, PARAMS)
    if not (isinstance(pipeline, dict) and isinstance(lock, dict) and isinstance(params, dict)):
        return "it holds no dvc.yaml, dvc.lock or params.yaml that can be read"
    if differing := other_params(params, arm.params):
        return f"it was run with other {', '.join(differing[:SHOWN])}{' ...' if len(differing) > SHOWN else ''}"
    if experiment.baseline != head:
        if changed := _changed_files(experiment.baseline, head, pipeline, params):
            return f"{', '.join(changed[:SHOWN])} changed since"
        if changed := _changed_code(lock):
            return f"the code of {', '.join(changed[:SHOWN])} changed since"
    tracked = set(git("ls-tree", "-r", "--name-only", "-z", experiment.commit).split("\0"))
    if missing := [path for path in _missing(pipeline, lock, params, cache_folder) if path not in tracked]:
        return f"{', '.join(missing[:SHOWN])} is not in DVC's cache any more"
    return ""


def other_params(params: Any, wanted: Mapping[str, Any]) -> list[str]:
    """The keys that the content of a params.yaml has other than an arm's `params`, of those that decide results."""
    try:
        found = results_of(params)
    except PipelineError:
        return ["keys"]  # The schema has changed since.
    return sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))


def _changed_files(before: str, head: str, pipeline: dict[str, Any], params: Any) -> list[str]:
    """Files that stages depend on, or that say what they depend on, and that differ between two commits."""
    try:
        names = [name for name in git("diff", "--name-only", "-z", before, head).split("\0") if name]
    except PipelineError:
        return ["the commit it started from"]
    stages = {name: stage for name, stage in pipeline["stages"].items() if name != CODE_STAGE}
    deps = [str(_filled(dep, params)) for stage in stages.values() for dep in stage.get("deps", [])]
    programs = {word.removeprefix("./") for stage in stages.values() for word in str(stage.get("cmd")).split()[:1]}
    return [
        name
        for name in names
        if name.endswith(".dvc") or name in {PIPELINE.as_posix(), *programs} or any(_is_in(name, dep) for dep in deps)
    ]


def _is_in(name: str, dep: str) -> bool:
    return name == dep or name.startswith(f"{dep}/")


def _changed_code(lock: dict[str, Any]) -> list[str]:
    """The stages, models and losses of the experiment whose code now says something else."""
    now = _code_now()
    held = [stage.get("params", {}).get(CODE.as_posix(), {}) for stage in lock["stages"].values()]
    return sorted({name for hashes in held for name, value in hashes.items() if name in now and now[name] != value})


@cache
def _code_now() -> dict[str, str]:
    hashes = code_hash.code_hashes(code_hash.ROOTS)
    return {f"{room}.{name}": value for room, names in hashes.items() for name, value in names.items()}


def _missing(pipeline: dict[str, Any], lock: dict[str, Any], params: Any, cache_folder: Path) -> Iterator[str]:
    """Outputs of the experiment's stages of which the cache lacks something."""
    live = _names(pipeline, params)
    for stage, entry in lock["stages"].items():
        for out in entry.get("outs", []) if stage in live else []:
            if not _is_cached(str(out.get("md5", "")), cache_folder):
                yield out["path"]


def _names(pipeline: dict[str, Any], params: Any) -> set[str]:
    """The stages that dvc.yaml makes of these parameters: dvc.lock keeps others that are dead."""
    found: set[str] = set()
    for name, stage in pipeline["stages"].items():
        axes = [_filled(each, params) for each in stage.get("matrix", {}).values()]
        found |= {f"{name}@{'-'.join(map(str, each))}" for each in itertools.product(*axes)} if axes else {name}
    return found


def _filled(value: Any, params: Any) -> Any:
    """The value, where it is `${key}` what params.yaml says; a key of the stage's own matrix stays as it is."""
    if match := re.fullmatch(r"\$\{([\w.]+)\}", str(value)):
        return dict(leaves(params)).get(match[1], value)
    return value


def _is_cached(md5: str, cache_folder: Path) -> bool:
    file = cache_folder / md5[:2] / md5[2:]
    if not md5 or not file.is_file():
        return False
    if not md5.endswith(".dir"):
        return True
    inside = json.loads(file.read_text(encoding="utf-8"))
    return all((cache_folder / each["md5"][:2] / each["md5"][2:]).is_file() for each in inside)
