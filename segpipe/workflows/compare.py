"""Compares revisions: whether their models differ, and whether their settings do. The two questions are kept apart."""

import math
from collections.abc import Iterator, Sequence

from segpipe.console.progress import track
from segpipe.console.tables import format_table
from segpipe.errors import PipelineError
from segpipe.experiments import outcome
from segpipe.experiments.alignment import Aligned, SettingRuns, aligned, settings
from segpipe.experiments.outcome import Outcome
from segpipe.scores import paired
from segpipe.scores.intervals import format_score, jackknives, score_intervals
from segpipe.scores.settings import Setting, Verdict, verdicts, word_of
from segpipe.scores.winner import winner

MANY = 3
"""Settings from which on the best one's score is told as it is where it was not chosen."""


def compare(names: Sequence[str], score: str, part: str | None) -> list[str]:
    """What was found, in paragraphs; the first name is what the others are compared with.

    Raises PipelineError for names that are no revisions or have no results, all at once, and for results that are not comparable.
    """
    if len(names) < 2:
        raise PipelineError("nothing to compare with. Name two revisions or more; workspace is what lies here.")
    outcomes = _read(list(dict.fromkeys(names)))
    if len(outcomes) < 2:
        raise PipelineError(f"{names[0]} is named twice: name another revision to compare it with.")
    images = aligned(outcomes, part)
    found = settings(outcomes)
    return [*_images(images), _models(outcomes, images, score), *_settings(outcomes, images, found, score)]


def _read(names: Sequence[str]) -> list[Outcome]:
    found, problems = [], []
    for name in track(names, "reading results", after_s=1.0):
        try:
            found.append(outcome.read(name))
        except PipelineError as error:
            problems.append(str(error))
    if problems:
        raise PipelineError("\n".join(problems))
    return found


def _images(images: Aligned) -> Iterator[str]:
    groups = f" in {len(set(images.groups))} groups" if images.groups else ""
    left_out = f"; {images.left_out} that not all of them have are left out" if images.left_out else ""
    yield f"{len(images.ids)} {images.part} images{groups}{left_out}"


def _models(outcomes: Sequence[Outcome], images: Aligned, score: str) -> str:
    """A row a revision: its own score, and its model against the first one's, on the same images."""
    background, rows = outcomes[0].has_background, []
    for number, (each, pixels) in enumerate(zip(outcomes, images.pixels, strict=True)):
        whole = jackknives(pixels, [score], background, images.groups)[score].whole
        bounds = score_intervals(pixels, background, images.groups)[score]
        row = [each.name, format_score(None if math.isnan(whole) else whole, bounds)]
        if number:
            found = paired.difference(images.pixels[0], pixels, score, background, images.groups)
            same = each.trainings == outcomes[0].trainings
            told = (paired.format_difference(found), paired.format_better(found), word_of(found))
            row += ["", "", "the same training"] if same else told
        rows.append([*row, *[""] * (5 - len(row))])
    heads = ["model", f"{score}, 95 %", f"above {outcomes[0].name}, 95 %", "P(better)", "this model is"]
    return f"These models, on other images of the same kind:\n{format_table(rows, heads, n_left=1)}"


def _settings(outcomes: Sequence[Outcome], images: Aligned, found: Sequence[SettingRuns], score: str) -> Iterator[str]:
    """Whether a new training by each setting would be better than one by the first."""
    if len(found) == 1:
        yield "All of them are runs of one setting."
        return
    given = [Setting(each.label, [images.pixels[run] for run in each.runs]) for each in found]
    background = outcomes[0].has_background
    told = verdicts(given, score, background, images.groups)
    heads = ["setting", "runs", f"above {given[0].name}, 95 %", "P(better)", "this setting is"]
    rows = [[given[0].name, str(len(given[0].runs)), "", "", ""], *map(_row, told)]
    yield f"These settings, if each were trained again:\n{format_table(rows, heads, n_left=1)}"
    sentences: dict[str, list[str]] = {}
    for each in told:
        sentences.setdefault(each.would_tell, []).append(each.setting)
    yield from (f"{', '.join(names)}: {sentence}." for sentence, names in sentences.items() if sentence)
    if len(given) >= MANY:
        best = winner(given, score, background, images.ids, images.groups)
        if best.best is not None:
            yield (
                f"The best of {len(given)} is {best.name} with {best.best:.4f}; whoever takes the best gets "
                f"{format_score(best.value, best.interval)} on images that did not choose it."
            )


def _row(verdict: Verdict) -> list[str]:
    found = verdict.difference
    # Why there is no interval a sentence below the table says.
    shown = paired.format_difference(found) if found.value is None or found.low is not None else f"{found.value:+.3f}"
    return [verdict.setting, str(verdict.seeds), shown, paired.format_better(found), verdict.word]
