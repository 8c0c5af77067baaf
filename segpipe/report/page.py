"""The one page that tells everything about a run. It needs no network, and the same contents give the same bytes."""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from segpipe.dataset.split import balance_report
from segpipe.decided import Chosen
from segpipe.evaluation import FoldResults
from segpipe.images.overlay import WRONG
from segpipe.images.palette import colours
from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.params.architectures import ARCHITECTURES
from segpipe.record import DatasetInfo
from segpipe.report import (
    augment_sheet,
    class_tables,
    closer_look,
    decisions,
    details,
    examples,
    image_table,
    intervals,
    learning,
    run_sections,
    sites,
    suspects,
)
from segpipe.report.against import Against
from segpipe.report.class_tables import Parts
from segpipe.report.doctor_section import Doctor
from segpipe.report.ensemble import Ensemble
from segpipe.report.numbers import Summary, names, pooled

TEMPLATES = Path(__file__).parent / "templates"

LONGEST_LIST = 60
"""Characters of class names in the title; beyond that it says how many there are."""


@dataclass(frozen=True)
class Contents:
    """What the page shows. `headline` is the part it speaks of first, `parts` the first fold's ids by part.

    `groups` says which images are counted as one, `bounds` are the intervals of the scores, by part, `decided` what each fold's
    probabilities became classes by. `ensemble` is there with several folds and a test part, and `against` with a baseline.
    `params` holds the sections of params.yaml that made the run; `best` and `worst` are predictions of the first fold,
    `followed` some of them over the epochs, and `snapshots` the scores of these. So many of the worst as `n_pictures` have a
    picture.
    """

    info: DatasetInfo
    index: pd.DataFrame
    groups: Mapping[str, str]
    parts: Parts
    results: Sequence[FoldResults]
    headline: str
    bounds: intervals.Found
    advice: Sequence[str]
    decided: Mapping[int, Chosen]
    summary: Summary
    ensemble: Ensemble | None
    against: Against | None
    params: Mapping[str, Any]
    best: Sequence[examples.Example]
    worst: Sequence[examples.Example]
    suspects: suspects.Suspects
    sheet: augment_sheet.Sheet
    exported: run_sections.Exported | None
    doctor: Doctor
    proof: balance_report.BalanceReport
    data_hash: str
    folds_hash: str
    n_pictures: int
    followed: Sequence[closer_look.Followed]
    snapshots: Sequence[SnapshotScores]


def render(contents: Contents) -> str:
    """The page as HTML."""
    info, index, results, part = contents.info, contents.index, contents.results, contents.headline
    counts = pooled(results, part)
    template = environment().get_template("page.html")
    rows = image_table.rows(results)
    return template.render(
        vars(contents)
        | {
            "title": title(contents.params["model"], info),
            "model_size": _size(contents.params["model"]),
            "part": part,
            "n_scored": len({item for each in results for item in each.dice[part]}),
            "score_names": names(info.has_background),
            "boundaries": details.boundaries(results, part, info.has_background),
            "objects": details.objects(results, part, info.has_background),
            "sizes": details.sizes(),
            "confidences": details.confidences(results, part),
            "charts": learning.charts(results),
            "folds": learning.folds(results, info.has_background),
            "classes": list(zip(info.classes, colours(len(info.classes)), strict=True)),
            "class_scores": class_tables.scores(counts),
            "matrix": class_tables.matrix(counts),
            "mistakes": class_tables.mistakes(counts),
            "captions": examples.CAPTIONS,
            "suspect_captions": suspects.CAPTIONS,
            "wrong": WRONG,
            "still": closer_look.STILL,
            "gained": closer_look.GAINED,
            "facts": _facts(index),
            "balance": class_tables.balance(index, info, contents.parts),
            "split_table": balance_report.cells(contents.proof),
            "split_verdicts": balance_report.verdicts(contents.proof),
            "sheet_captions": augment_sheet.CAPTIONS,
            "params": run_sections.parameters(contents.params),
            "parity": run_sections.parity(contents.exported.gate) if contents.exported else None,
            "hashes": run_sections.hashes(results, contents.data_hash, contents.folds_hash),
            "privacy": run_sections.privacy(results),
            "class_bounds": intervals.of_classes(results, part, contents.groups),
            "decisions": decisions.entries(contents.decided, info.classes),
            "sites": sites.sites(results),
            "machine": run_sections.machine(results),
            "image_rows": rows,
            "image_columns": image_table.columns(rows, min(contents.n_pictures, len(rows))),
            "n_plain_rows": image_table.PLAIN,
            "script_hash": _script_hash(),
        }
    )


@cache
def environment() -> Environment:
    """The templates: whatever is filled in is escaped, since names may hold anything, and an unknown variable raises."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters["exp"] = math.exp
    found.filters["base64"] = lambda content: base64.b64encode(content).decode("ascii")
    return found


def _script_hash() -> str:
    """The script as the page's policy allows it: no other one runs there, whatever a name may hold."""
    script = environment().get_template("page.js").render()
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def title(model: Mapping[str, Any], info: DatasetInfo) -> str:
    """The model and what it finds, in one line."""
    objects = info.classes[1:] if info.has_background else info.classes
    listed = " and ".join(filter(None, (", ".join(objects[:-1]), objects[-1])))
    what = listed if len(listed) <= LONGEST_LIST else f"{len(objects)} classes"
    known = ARCHITECTURES.get(model["name"])  # what trained it may be of another version
    name = (known.title or model["architecture"]) if known else model["name"]
    return f"{name} finds {what}"


def _size(model: Mapping[str, Any]) -> str:
    """What makes the model large or small: its encoder where it has one by name, else width and depth where it reads them."""
    known = ARCHITECTURES.get(model["name"])
    reads = known.reads if known else ()
    if "encoder" in reads:
        return f"encoder {model['encoder']}"
    if "width" not in reads:
        return ""
    width = model["width"] if isinstance(model["width"], int) else ", ".join(map(str, model["width"]))
    return f"width {width}, depth {model['depth']}"


def _facts(index: pd.DataFrame) -> dict[str, Any]:
    """The number of images, their widths and heights as text, and the share of their pixels that is ignored."""
    return {
        "n_images": len(index),
        "widths": _range(index["width"]),
        "heights": _range(index["height"]),
        "ignored": int(index["ignored"].sum()) / int((index["width"] * index["height"]).sum()),
    }


def _range(values: "pd.Series[int]") -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
