"""Looks at a folder of annotated images, brings it in, and writes what belongs to it into params.yaml."""

import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segpipe import paths
from segpipe.acquire import ingest
from segpipe.annotations import convert
from segpipe.annotations.checks import dataset_checks, fixes
from segpipe.annotations.checks import findings as doctor
from segpipe.annotations.detect import settings, starting_point, summary
from segpipe.annotations.detect.inspect import Inspection, inspect_folder
from segpipe.annotations.detect.layout import Kind
from segpipe.annotations.detect.object_sizes import ObjectSize, object_sizes
from segpipe.annotations.detect.starting_point import Advice, Machine
from segpipe.annotations.examination.result import Examination
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import decode_mask
from segpipe.params import edit, schema
from segpipe.params.edit import Value
from segpipe.params.load import load_params
from segpipe.params.schema import Params
from segpipe.record import is_background
from segpipe.storage import files, workspace
from segpipe.storage.examination_cache import Cache
from segpipe.workflows import split_groups

MEASURED = 64
"""Masks in which objects are measured, at most."""
ROUNDS = 5
"""How often the data is examined again with what mends it: one mended problem can bring another to light."""


def init(
    path: str,
    in_place: bool,
    sha256: str | None,
    kind: Kind | None,
    image_dir: str,
    mask_dir: str,
    template: str,
    fix: bool,
    minutes: float | None,
) -> tuple[str, str]:
    """Brings annotated images to data/source, sets params.yaml to suit them; returns what was written, and what to run next.

    With `minutes` the training is tried out, and gets so many epochs as fit into them on this machine.

    Raises PipelineError with all that is wrong with the data; nothing is brought in or written then.
    """
    if not Path(".dvc").is_dir():
        raise PipelineError(f".dvc: not in {Path.cwd()}. Run this in the project's root, where params.yaml and .dvc are.")
    # Every comparison with NaN is false, so no range refuses it.
    if minutes is not None and not math.isfinite(minutes):
        raise PipelineError(f"--minutes: {minutes} is no length of time. Write a number such as 30.")
    cache = Cache(workspace.examined())
    params = load_params(paths.PARAMS)
    with ingest.open_source(path, sha256) as folder, tempfile.TemporaryDirectory() as scratch:
        where = ingest.data_path(folder, path, in_place)
        seen = _seen(folder, params, fix, kind=kind, image_dir=image_dir, mask_dir=mask_dir, template=template, cache=cache)
        print("\n".join(summary.lines(seen, params.data.unannotated)))
        values, examination = _examined(folder, seen, fix, cache, Path(scratch))
        unsure = [] if fix and values != settings.data_settings(seen, folder.as_posix()) else seen.doubts(examination.problems)
        folders = {"--image-dir": image_dir, "--mask-dir": mask_dir, "--template": template}
        again = _again(path, in_place, {"--sha256": sha256, "--kind": kind} | folders)
        hint = "" if fix else f"`{again}` writes the lines above."
        doctor.refuse([*unsure, *examination.problems], hint)
        # Where the file is about this data already, its other values are the user's own by now.
        is_new = edit.with_values(paths.PARAMS, settings.data_settings(seen, where)) != params
        advised = _advised(seen, examination, params) if is_new else []
        small = [] if is_new else _smaller_than_crop(examination, params)
        values |= {"data.path": where} | (fixes.values_of(small, params.model_dump()) if fix else {})
        if minutes is not None:
            advised = _in_time(values, advised, examination, minutes)
        brought = where == ingest.SOURCE.as_posix()
        if brought:
            ingest.import_data(folder)
    reasons = {each.key: each.reason for each in advised}
    changes = edit.write(paths.PARAMS, values | _values(advised), reasons)
    print(doctor.format_warnings(small), file=sys.stderr, end="")
    print("\n".join(f"{change}{_because(reasons.get(change.key))}" for change in changes) or "params.yaml fits already")
    if is_new:
        files.write_text(paths.KEPT_FOLDS, "# no image was assigned yet\n")
    tracked = ["params.yaml", paths.KEPT_FOLDS.name, *(["data/source.dvc"] if brought else [])]
    return ", ".join(tracked), f"{_git_add(tracked)}dvc repro"


def _seen(folder: Path, params: Params, fix: bool, **how: Any) -> Inspection:
    """What the folder holds, inspected with the options of `inspect_folder`."""
    seen = inspect_folder(folder, params.data, **how)
    if fix and "data.pages" in fixes.values_of(seen.problems, params.model_dump()):
        # What the pages hold decides the classes.
        return inspect_folder(folder, params.data.model_copy(update={"pages": "split"}), **how)
    return seen


def _examined(folder: Path, seen: Inspection, fix: bool, cache: Cache, scratch: Path) -> tuple[dict[str, Value], Examination]:
    """What params.yaml must say of the data, and what the doctor finds then; with `fix`, after all that mends itself.

    The masks lie in the folder `scratch`.
    """
    values: dict[str, Value] = {**settings.data_settings(seen, folder.as_posix())}
    for _ in range(ROUNDS):
        current = edit.with_values(paths.PARAMS, values)
        examination = convert.examine(current.data, (), scratch / "masks", cache=cache)
        mending = fixes.values_of(examination.problems, current.model_dump()) if fix else {}
        # A warning stays where its line is written already; only what the lines change is worth another look.
        if edit.with_values(paths.PARAMS, values | mending) == current:
            break
        values |= mending
    return values, examination


def _smaller_than_crop(examination: Examination, params: Params) -> list[DataError]:
    """The warning of images that the crop in params.yaml does not fit into."""
    return dataset_checks.smaller_than_crop(examination.records, params.input.crop, schema.stride_of(params.model))


def _in_time(values: Mapping[str, Value], advised: Sequence[Advice], examination: Examination, minutes: float) -> list[Advice]:
    """The advice, with what a trial of the training that it makes says in place of what it supposed."""
    # Imported here: it imports torch, and everything else is done without in a second.
    from segpipe.workflows import time_budget

    print(f"trying the training for some steps, to see what fits into {minutes:g} min", flush=True)
    tried = edit.with_values(paths.PARAMS, {**values, **_values(advised)})
    measured = time_budget.suggest(tried, examination, minutes)
    found = {each.key: each for each in (*advised, *measured)}
    if advised:  # else the augmentation is the user's own by now
        timed = edit.with_values(paths.PARAMS, {**values, **_values([*found.values()])})
        passes, shown = time_budget.passes(timed, examination.records), timed.input
        augment = starting_point.suggest_augment(examination, passes, shown.crop, shown.long_side)
        found[augment.key] = augment
    return [*found.values()]


def _values(advised: Sequence[Advice]) -> dict[str, Any]:
    return {each.key: each.value for each in advised}


def _advised(seen: Inspection, examination: Examination, params: Params) -> list[Advice]:
    """What the sizes, the number and the names of the images ask for. Raises PipelineError where they cannot be split."""
    ids = [record.id for record in examination.records]
    has_groups = any(record.group for record in examination.records)
    grouped = [] if has_groups or dict(seen.given).keys() - {""} else starting_point.suggest_groups(ids)
    split = params.split.model_copy(update={each.key.removeprefix("split."): each.value for each in grouped})
    found = split_groups.of_records(examination.records, split)
    if grouped and found.outside < 2:  # together with near-duplicates, what the names suggest would leave nothing to part
        grouped, split = [], params.split
        found = split_groups.of_records(examination.records, split)
    split_groups.refuse_too_few(examination.records, found, split)
    folds = settings.fold_settings(seen, found.outside, split, params.folds, found.validated)
    few = f"{found.outside} groups of images" if found.outside < found.images else f"{found.images} images"
    return [
        *starting_point.suggest_training(examination, _machine(), _object_sizes(examination), params.train.strategy != "single"),
        *grouped,
        *(Advice(key, value, few) for key, value in folds.items()),
    ]


def _object_sizes(examination: Examination) -> dict[int, ObjectSize]:
    """The sizes of the objects of each class, in images that are spread over the whole data set."""
    records = examination.records
    masks = (
        decode_mask(record.mask_png.read(), record.id).astype(np.uint8) for record in records[:: -(-len(records) // MEASURED)]
    )
    return object_sizes(masks, range(is_background(examination.classes[0]), len(examination.classes)))


def _machine() -> Machine:
    """This computer. Without torch, whose import takes seconds: a GPU's driver says what is there."""
    # Where the system does not say (Windows), 8 GiB are taken for granted.
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False).stdout if shutil.which("nvidia-smi") else ""
    first = answer.strip().split("\n")[0].strip()
    return Machine(True, int(first) * 2**20) if first.isdecimal() else Machine(False, own)


def _again(path: str, in_place: bool, options: Mapping[str, str | None]) -> str:
    """This command with --fix, as a shell takes it."""
    given = [word for name, value in options.items() if value for word in (name, value)]
    return shlex.join(["segpipe", "init", path, *(["--in-place"] if in_place else []), *given, "--fix"])


def _because(reason: str | None) -> str:
    return f"  ({reason})" if reason else ""


def _git_add(files: list[str]) -> str:
    """The command that keeps these files, where the project is in a Git repository."""
    here = Path.cwd()
    in_git = any((folder / ".git").exists() for folder in (here, *here.parents))
    return f"git add {' '.join(files)}, then " if in_git else ""
