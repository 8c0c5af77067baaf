"""A project and its machine as Markdown for a bug report: what decides how segpipe behaves, and no name of the user's."""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from segpipe import paths
from segpipe.annotations.checks import doctor_files
from segpipe.annotations.checks.finding_kinds import kind_of
from segpipe.dataset import pack
from segpipe.errors import PipelineError
from segpipe.layout import project
from segpipe.params.changed_values import changed_values
from segpipe.params.load import load_params
from segpipe.record import BACKGROUND
from segpipe.reproducibility.code_hash import STAGES
from segpipe.storage import workspace
from segpipe.training import failed_step
from segpipe.workflows import machine_facts

Facts = Iterable[tuple[str, str]]
HEAD = """\
### This project and its machine, as segpipe doctor-report tells them

It holds no names of files, folders, classes, users or machines. Read it before you send it.
"""
WHERE_TO_PASTE = 'Paste all of this into the form "A bug" where segpipe\'s issues are (New issue, A bug).'
UNNAMED = "not shown here, since its words may hold names of yours"


def text() -> str:
    """The whole report of the current folder, whatever state that is in."""
    sections: dict[str, Callable[[], Facts]] = {
        "Versions": machine_facts.version_facts,
        "Machine": machine_facts.system_facts,
        "torch": machine_facts.torch_facts,
        "Packages of runtime.lock": machine_facts.package_facts,
        "params.yaml, where it differs from the one segpipe comes with": params_facts,
        "Data": data_facts,
        "Findings of the last convert": finding_facts,
        "Stages": stage_facts,
        "Trainings that failed": failure_facts,
    }
    return "\n".join([HEAD, *(_section(title, facts) for title, facts in sections.items()), WHERE_TO_PASTE])


def params_facts() -> Iterator[tuple[str, str]]:
    """The values that differ from the defaults; of a file that cannot be read only that."""
    if not paths.PARAMS.is_file():
        yield "params.yaml", "none in this folder"
        return
    try:
        params = load_params()
    except PipelineError as error:
        count = len(str(error).splitlines())
        problems = "1 problem" if count == 1 else f"{count} problems"
        yield "params.yaml", f"cannot be read: {problems}, {UNNAMED} (`dvc repro` prints them)"
        return
    yield from changed_values(params, load_params(project.source() / paths.PARAMS)) or [("all values", "as they were")]


def data_facts() -> Iterator[tuple[str, str]]:
    """How many images, how large, of how many classes."""
    if not (paths.PREPARED / "dataset.json").is_file():
        yield "data/prepared", "not there"
        return
    info, index = pack.read_info(paths.PREPARED), pack.read_index(paths.PREPARED)
    yield "images", str(len(index))
    yield "width", _range(index["width"].tolist())
    yield "height", _range(index["height"].tolist())
    yield "channels", f"{info.channels} of {info.bits} bits; images have {_counts(index['channels'].tolist())}"
    yield "classes", f"{len(info.classes)}, {'with' if info.has_background else 'without'} background"
    given = Counter(part or "none" for part in index["given"])
    yield "part given by the data", ", ".join(f"{part} {count}" for part, count in sorted(given.items()))
    yield "groups", str(len({group for group in index["group"] if group}))
    yield "pixel size known", "yes" if index["spacing_x"].gt(0).any() else "no"


def finding_facts() -> Iterator[tuple[str, str]]:
    """Each kind of problem, and in how many files it was found."""
    if not (paths.DOCTOR / doctor_files.FINDINGS).is_file():
        yield "data/doctor", "not there"
        return
    kinds: Counter[tuple[str, str]] = Counter()
    names = _class_names()
    for finding in doctor_files.read(paths.DOCTOR).findings:
        severity = finding.severity if finding.severity in ("warning", "error") else "finding"
        kinds[severity, kind_of(finding.problem, names)] += len(finding.files)
    yield from ((severity, f"{count} x {kind}") for (severity, kind), count in sorted(kinds.items()))
    if not kinds:
        yield "findings", "none"


def stage_facts() -> Iterator[tuple[str, str]]:
    """Each stage of dvc.lock: by which code it was last run, and whether its outputs are there."""
    if not paths.LOCK.is_file():
        yield "dvc.lock", "not there: nothing was run, or not by DVC"
        return
    stages: dict[str, Any] = yaml.safe_load(paths.LOCK.read_text(encoding="utf-8"))["stages"]
    now: dict[str, Any] = json.loads(paths.CODE.read_text(encoding="utf-8")) if paths.CODE.is_file() else {}
    others = 0
    for name, stage in stages.items():
        if re.fullmatch(rf"({'|'.join(('code', *STAGES))})(@\d+)?", name):
            yield name, _state(stage, now)
        else:
            others += 1
    if others:
        yield "stages of the project's own", str(others)


def failure_facts() -> Iterator[tuple[str, str]]:
    """The steps that were kept because a number in them was not finite."""
    folders = sorted((workspace.main_root() / ".resume").glob(f"{failed_step.PREFIX}*"))
    for folder in folders:
        failed, _ = failed_step.read(folder)
        yield f"fold {failed.fold}", f"{failed.broken} not finite in epoch {failed.epoch}, batch {failed.batch} (counted from 0)"
    if not folders:
        yield "kept steps", "none"


def _section(title: str, facts: Callable[[], Facts]) -> str:
    try:
        lines = [f"- {name}: {value}" for name, value in facts()]
    # Whatever is broken here, the rest of the report is wanted; the error's own words may hold a path.
    except Exception as error:
        lines = [f"- cannot be told ({type(error).__name__}, {UNNAMED})"]
    return "\n".join([f"#### {title}", "", *lines, ""])


def _state(stage: dict[str, Any], now: dict[str, Any]) -> str:
    """In words; `now` is code.json."""
    held = stage.get("params", {}).get(paths.CODE.as_posix(), {})
    current = {f"{room}.{name}": value for room, names in now.items() for name, value in names.items()}
    differs = any(current.get(name) != value for name, value in held.items())
    missing = sum(not Path(out["path"]).exists() for out in stage.get("outs", []))
    code = "other code than code.json's" if differs else "the code of code.json"
    return f"run by {code}; {f'{missing} of its outputs missing' if missing else 'its outputs are there'}"


def _class_names() -> set[str]:
    """Those of the data and of params.yaml, where these can be read."""
    found: set[str] = set()
    with contextlib.suppress(PipelineError):
        found |= set(pack.read_info(paths.PREPARED).classes)
    with contextlib.suppress(PipelineError):
        data = load_params().data
        own = getattr(data, data.source)
        found |= {*getattr(own, "classes", ()), *data.class_map, *data.class_map.values()}
    return found - {BACKGROUND}


def _range(values: list[int]) -> str:
    return f"{min(values)} .. {max(values)} pixels" if values else "none"


def _counts(values: list[int]) -> str:
    return ", ".join(f"{value} ({count})" for value, count in sorted(Counter(values).items()))
