"""The one page that tells everything about a run. It needs no network, and the same contents give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import pandas as pd

from segpipe.dataset.split.balance_report import Proof
from segpipe.evaluation import FoldResults
from segpipe.images.palette import colours
from segpipe.params.architectures import ARCHITECTURES
from segpipe.record import DatasetInfo
from segpipe.report import (
    class_sections,
    data_section,
    doctor_section,
    example_section,
    folds_section,
    markup,
    run_sections,
    score_sections,
    skeleton,
)
from segpipe.report.augment_sheet import N_EPOCHS, Sheet
from segpipe.report.data_section import Parts
from segpipe.report.examples import Example
from segpipe.report.numbers import Summary, pooled
from segpipe.report.run_sections import Exported

Section = tuple[str, str, str]
"""The name that links go to, the title, and the HTML."""

LONGEST_LIST = 60
"""Characters of class names in the title; beyond that it says how many there are."""


@dataclass(frozen=True)
class Contents:
    """What the page shows. `headline` is the part it speaks of first, `parts` the first fold's ids by part.

    `params` holds the sections of params.yaml that made the run; `best` and `worst` are predictions of the first fold.
    """

    info: DatasetInfo
    index: pd.DataFrame
    parts: Parts
    results: Sequence[FoldResults]
    headline: str
    summary: Summary
    params: Mapping[str, Any]
    best: Sequence[Example]
    worst: Sequence[Example]
    sheet: Sheet | None
    exported: Exported | None
    doctor: doctor_section.Doctor
    proof: Proof
    data_hash: str
    folds_hash: str


def render(contents: Contents) -> str:
    """The page as HTML."""
    summary, part, results = contents.summary, contents.headline, contents.results
    n_images = len({item for each in results for item in each.dice[part]})
    sections = [*_results(contents), *_origins(contents)]
    return Template(skeleton.PAGE).substitute(
        style=skeleton.STYLE,
        title=markup.text(title(contents.params["model"], contents.info)),
        subtitle=markup.text(_subtitle(contents)),
        verdict=score_sections.verdict(summary, part, n_images, len(results)),
        tiles=score_sections.tiles(summary, part),
        links="".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in sections),
        sections="".join(markup.section(*section) for section in sections),
    )


def title(model: Mapping[str, Any], info: DatasetInfo) -> str:
    """The model and what it finds, in one line."""
    objects = info.classes[1:] if info.has_background else info.classes
    listed = " and ".join(filter(None, (", ".join(objects[:-1]), objects[-1])))
    what = listed if len(listed) <= LONGEST_LIST else f"{len(objects)} classes"
    return f"{ARCHITECTURES[model['name']].title or model['architecture']} finds {what}"


def _subtitle(contents: Contents) -> str:
    folds = [str(each.fold) for each in contents.results]
    epochs = max(len(each.history) for each in contents.results)
    which = f"fold {folds[0]}" if len(folds) == 1 else f"folds {', '.join(folds)}"
    size = _size(contents.params["model"])
    shown = (markup.counted(contents.info.n_images, "image"), size, markup.counted(epochs, "epoch"), which)
    return " · ".join(filter(None, shown))


def _size(model: Mapping[str, Any]) -> str:
    """What makes the model large or small: its encoder where it has one by name, else width and depth where it reads them."""
    reads = ARCHITECTURES[model["name"]].reads
    if "encoder" in reads:
        return f"encoder {model['encoder']}"
    if "width" not in reads:
        return ""
    width = model["width"] if isinstance(model["width"], int) else ", ".join(map(str, model["width"]))
    return f"width {width}, depth {model['depth']}"


def _results(contents: Contents) -> list[Section]:
    """How good the model is: overall, by class, by image."""
    info, results, part = contents.info, contents.results, contents.headline
    palette = colours(len(info.classes))
    counts = pooled(results, part)
    pooling = " The pixels of all folds are added." if len(results) > 1 else ""
    where = markup.note(f"On the {score_sections.WORDS[part]} part.{pooling}")
    found = [
        ("scores", "Scores", score_sections.all_scores(contents.summary)),
        ("learning", "Learning", score_sections.learning(results, info.has_background)),
        ("classes", "Classes", where + class_sections.per_class(counts, info.classes, palette)),
        ("confusion", "Confusion", where + class_sections.confusion(counts, info.classes, palette)),
    ]
    if contents.best or contents.worst:
        whose = f" by the model of fold {results[0].fold}" if len(results) > 1 else ""
        words = f"The {score_sections.WORDS[part]} images with the highest and the lowest Dice{whose}."
        shown = example_section.examples(contents.best, contents.worst, info.classes, palette)
        found.append(("predictions", "Predictions", markup.note(words) + shown))
    return found


def _origins(contents: Contents) -> list[Section]:
    """What it was made from, and how to make it again."""
    info, index, results = contents.info, contents.index, contents.results
    facts = markup.card(data_section.facts(index, info, contents.parts))
    balance = data_section.class_balance(index, info, contents.parts, colours(len(info.classes)))
    fold = markup.note(f"Training and validation are those of fold {results[0].fold}.")
    found = [
        ("data", "Data", facts + balance + fold),
        ("folds", "Folds", folds_section.section(contents.proof)),
        ("doctor", "Data check", doctor_section.section(contents.doctor)),
    ]
    if contents.sheet:
        found.append(("augmentation", "Augmentation", _augmentation(contents.sheet, info)))
    found.append(("parameters", "Parameters", run_sections.parameters(contents.params)))
    if contents.exported:
        found.append(("export", "Exported model", markup.card(run_sections.exported(contents.exported))))
    again = run_sections.again(results, contents.data_hash, contents.folds_hash)
    return [*found, ("again", "Get it again", markup.card(again))]


def _augmentation(sheet: Sheet, info: DatasetInfo) -> str:
    """What training makes of some of its images."""
    words = (
        f"{markup.counted(len(sheet.rows), 'training image')} of fold {sheet.fold}, and the crops that epochs 1 to {N_EPOCHS} "
        f"make of them (augment.preset {sheet.preset})."
    )
    return markup.note(words) + example_section.augmented(sheet, info.classes, colours(len(info.classes)))
