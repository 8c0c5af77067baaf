"""The one page that tells everything about a run. It needs no network, and the same contents give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import pandas as pd

from segpipe.palette import colours
from segpipe.record import DatasetInfo
from segpipe.report import markup, run_sections, score_sections, skeleton
from segpipe.report.examples import Example
from segpipe.report.inputs import TEST, FoldResults
from segpipe.report.numbers import Summary

LONGEST_LIST = 60
"""Characters of class names in the title; beyond that it says how many there are."""


@dataclass(frozen=True)
class Exported:
    """models/export: gate.json, and the size in bytes and the hash of model.onnx."""

    gate: Mapping[str, Any]
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What the page shows. `headline` is the part that it speaks of first, `parts` the first fold's ids by part.

    `params` holds the sections of params.yaml that made the run, `best` and `worst` predictions of the first fold.
    """

    info: DatasetInfo
    index: pd.DataFrame
    parts: Mapping[str, Sequence[str]]
    results: Sequence[FoldResults]
    headline: str
    summary: Summary
    params: Mapping[str, Any]
    best: Sequence[Example]
    worst: Sequence[Example]
    exported: Exported | None
    data_hash: str
    folds_hash: str


def render(contents: Contents) -> str:
    """The page as HTML."""
    sections = _sections(contents)
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in sections)
    n_images = len(contents.results[0].dice[contents.headline])
    verdict = score_sections.verdict(contents.summary, contents.headline, n_images, len(contents.results))
    return Template(skeleton.PAGE).substitute(
        style=skeleton.STYLE,
        title=markup.text(title(contents.params["model"], contents.info)),
        subtitle=markup.text(_subtitle(contents)),
        verdict=verdict,
        tiles=score_sections.tiles(contents.summary, contents.headline),
        links=links,
        sections="".join(markup.section(*each) for each in sections),
    )


def title(model: Mapping[str, Any], info: DatasetInfo) -> str:
    """The model and what it finds, in one line."""
    names = {"unet": "U-Net", "resnet_unet": "ResNet U-Net", "smp": str(model["architecture"])}
    objects = info.classes[1:] if info.has_background else info.classes
    listed = ", ".join(objects[:-1]) + " and " + objects[-1] if len(objects) > 1 else objects[0]
    what = listed if len(listed) <= LONGEST_LIST else f"{len(objects)} classes"
    return f"{names[model['name']]} finds {what}"


def _subtitle(contents: Contents) -> str:
    model, folds = contents.params["model"], [str(each.fold) for each in contents.results]
    size = f"width {model['width']}, depth {model['depth']}" if model["name"] == "unet" else f"encoder {model['encoder']}"
    epochs = max(len(each.history) for each in contents.results)
    which = f"fold {folds[0]}" if len(folds) == 1 else f"folds {', '.join(folds)}"
    return f"{markup.counted(contents.info.n_images, 'image')} · {size} · {markup.counted(epochs, 'epoch')} · {which}"


def _sections(contents: Contents) -> list[tuple[str, str, str]]:
    """Each section's name, title and HTML."""
    found = [("scores", "Scores", score_sections.all_scores(contents.summary)), *_learning(contents), *_details(contents)]
    found += [("data", "Data", _data(contents)), ("run", "What was run", run_sections.parameters(contents.params))]
    if contents.exported:
        exported = contents.exported
        body = run_sections.exported(exported.gate, exported.n_bytes, exported.sha256)
        found.append(("export", "Exported model", f'<div class="card">{body}</div>'))
    again = run_sections.again(contents.results, contents.data_hash, contents.folds_hash)
    found.append(("again", "Get it again", f'<div class="card">{again}</div>'))
    return [*found, ("definitions", "What the scores mean", f'<div class="card prose">{run_sections.definitions()}</div>')]


def _learning(contents: Contents) -> list[tuple[str, str, str]]:
    results = contents.results
    return [("curves", "Learning", score_sections.curves(results) + score_sections.folds(results, contents.info.has_background))]


def _details(contents: Contents) -> list[tuple[str, str, str]]:
    """The sections on single classes and single images."""
    info, results, part = contents.info, contents.results, contents.headline
    palette = colours(len(info.classes))
    found = [
        ("classes", "Classes", score_sections.per_class(results, part, info.classes, palette)),
        ("confusion", "Confusion", score_sections.confusion(results, part, info.classes, palette)),
    ]
    if contents.best or contents.worst:
        body = score_sections.legend(info.classes, palette)
        body += score_sections.examples("Best", contents.best) + score_sections.examples("Worst", contents.worst)
        whose = f" by the model of fold {results[0].fold}" if len(results) > 1 else ""
        name = "test" if part == TEST else "validation"
        body += markup.note(f"Of the {name} part{whose}, by the image&rsquo;s mean Dice.")
        found.append(("examples", "Best and worst predictions", body))
    return found


def _data(contents: Contents) -> str:
    info, index, parts = contents.info, contents.index, contents.parts
    facts = f'<div class="card">{run_sections.data_facts(index, info, parts)}</div>'
    balance = run_sections.class_balance(index, info, parts, colours(len(info.classes)))
    return facts + balance + markup.note(f"Training and validation images are those of fold {contents.results[0].fold}.")
