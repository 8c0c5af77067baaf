"""What the arms of a study came to, brought together: on the same images, all seeds of an arm as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segpipe import paths
from segpipe.console.progress import track
from segpipe.errors import PipelineError
from segpipe.experiments import outcome, up_to_date
from segpipe.experiments.alignment import Aligned, aligned
from segpipe.experiments.arms import Arm, arms, ways
from segpipe.experiments.dvc_experiments import content_of, experiments
from segpipe.experiments.outcome import Outcome
from segpipe.experiments.study_file import Study
from segpipe.report.figures import known_epochs
from segpipe.report.intervals import detail_jackknife
from segpipe.report.study_contents import ArmResults, StudyContents
from segpipe.scores.details import DETAIL_SCORES
from segpipe.scores.intervals import GROUPS, IMAGES, Jackknife, interval_of, jackknives
from segpipe.scores.seed_noise import mean_of
from segpipe.scores.settings import Setting, verdicts_of
from segpipe.scores.winner import Winner, winner
from segpipe.storage.yaml_mapping import read as read_yaml
from segpipe.workflows.study_cost import cost_of
from segpipe.workflows.study_evolution import evolutions, snapshots
from segpipe.workflows.study_pictures import pictures

MOST = 0.95
"""Of its best score, which a training has after `epochs_to` epochs."""
NOT_RUN = "not run yet, or failed"
NAMED = 3
"""Other keys that a sentence names."""


@dataclass(frozen=True)
class Compared:
    """The arms that have results, by label, their outcomes by name, the pixels of each run on the same images, and its score."""

    arms: Mapping[str, Sequence[Arm]]
    outcomes: Mapping[str, Outcome]
    images: Aligned
    settings: Sequence[Setting]
    jackknives: Mapping[str, Sequence[Jackknife]]
    has_background: bool


def gather(study: Study) -> StudyContents:
    """All that the page of a study shows, read and computed. Raises PipelineError where there is nothing to compare."""
    made = arms(study, read_yaml(paths.PARAMS))
    found, missing = _read(made)
    compared = _compared(study, made, found, missing)
    images, settings = compared.images, compared.settings
    told = [None, *verdicts_of([*compared.jackknives], [*compared.jackknives.values()])]
    watched = _watched(study, compared)
    shown, of_arms = pictures(study.part, compared.arms, compared.outcomes, images, settings)
    followed, over_epochs = evolutions(study.part, compared.arms, compared.outcomes)
    results = []
    for number, (label, own) in enumerate(compared.arms.items()):
        outcomes = [found[arm.name] for arm in own]
        curves = [known_epochs(history, watched) for each in outcomes for history in each.histories]
        runs = compared.jackknives[label]
        scores = [run.whole for run in runs]
        results.append(
            ArmResults(
                label=label,
                value=_swept(study, own[0]),
                seeds=[arm.seed for arm in own],
                scores=scores,
                mean=float(np.mean(scores)) if np.isfinite(scores).all() else None,
                bounds=interval_of(mean_of(runs)),
                verdict=told[number],
                curves=curves,
                epochs_to=_epochs_to(curves),
                others=_others(outcomes, study.part),
                cost=cost_of(own[0], outcomes),
                pictures=of_arms[label],
                evolution=over_epochs.get(label, {}),
                snapshots=[snapshots(each) for each in outcomes],
            )
        )
    return StudyContents(
        name=study.name,
        title=study.title,
        score=study.score,
        part=study.part,
        n_images=len(images.ids),
        key=next(iter(study.axis)) if len(study.axis) == 1 else "",
        base={key: str(value) for key, value in study.base.items()},
        arms=results,
        winner=_winner(study, compared),
        missing=missing,
        watched=watched,
        shown=shown,
        followed=followed,
    )


def _read(made: Sequence[Arm]) -> tuple[dict[str, Outcome], dict[str, str]]:
    """The outcomes of the arms' experiments by name, and why others have none; an experiment of other params is no arm's."""
    found, missing, run = {}, {}, experiments()
    for arm in track(made, "reading results", after_s=1.0):
        if arm.name not in run:
            missing[arm.name] = NOT_RUN
            continue
        try:
            read = outcome.read(arm.name)
        except PipelineError as error:
            missing[arm.name] = str(error)
            continue
        if other := up_to_date.other_params(content_of(read.commit, paths.PARAMS), arm.params):
            missing[arm.name] = f"its experiment was run with other {', '.join(other[:NAMED])}"
        else:
            found[arm.name] = read
    return found, missing


def _compared(study: Study, made: Sequence[Arm], found: Mapping[str, Outcome], missing: Mapping[str, str]) -> Compared:
    labels = [label for label, _ in ways(study)]
    there = {label: [arm for arm in made if arm.label == label and arm.name in found] for label in labels}
    if len(there[labels[0]]) == 0 or sum(map(bool, there.values())) < 2:
        reasons = "\n".join(f"{name}: {reason}" for name, reason in missing.items())
        raise PipelineError(
            f"{reasons}\n{study.name}: its first arm and another must have results. `segpipe study run` with its file runs them."
        )
    there = {label: own for label, own in there.items() if own}
    order = [arm.name for own in there.values() for arm in own]
    images = aligned([found[name] for name in order], study.part)
    pixels = dict(zip(order, images.pixels, strict=True))
    settings = [Setting(label, [pixels[arm.name] for arm in own]) for label, own in there.items()]
    background = found[order[0]].has_background
    runs = _jackknives(study, [found[name] for name in order], images, settings, background)
    return Compared(there, found, images, settings, runs, background)


def _jackknives(
    study: Study, outcomes: Sequence[Outcome], images: Aligned, settings: Sequence[Setting], has_background: bool
) -> dict[str, list[Jackknife]]:
    """Each run's score, whole and without each image, by label. Raises PipelineError where the images are not all the same."""
    if study.score not in DETAIL_SCORES:
        score, groups = study.score, images.groups
        return {each.name: [jackknives(run, [score], has_background, groups)[score] for run in each.runs] for each in settings}
    if images.left_out:
        raise PipelineError(f"{study.name}.yaml: score: {study.score} takes arms that were all scored on the same images.")
    unit = GROUPS if images.groups else IMAGES
    of_runs = iter([detail_jackknife(each.tables, study.part, has_background, study.score, unit) for each in outcomes])
    return {each.name: [next(of_runs) for _ in each.runs] for each in settings}


def _winner(study: Study, compared: Compared) -> Winner | None:
    """None for a score that pixels do not hold: it cannot be composed of several arms' images."""
    images = compared.images
    if study.score in DETAIL_SCORES or len(images.ids) < 2:
        return None
    return winner(compared.settings, study.score, compared.has_background, images.ids, images.groups)


def _others(outcomes: Sequence[Outcome], part: str) -> dict[str, float | None]:
    """The mean over the runs of each score in metrics/summary.json; None where a run has none."""
    summaries = [(content_of(each.commit, paths.SUMMARY) or {}).get(part) or {} for each in outcomes]
    names = dict.fromkeys(name for each in summaries for name in each)
    columns = {name: [each.get(name) for each in summaries] for name in names}
    return {name: None if None in values else float(np.mean(np.array(values, float))) for name, values in columns.items()}


def _watched(study: Study, compared: Compared) -> str:
    """The column of history.csv that curves are drawn of: the study's score on the validation part."""
    name = f"val_{study.score}"
    rows = [row for each in compared.outcomes.values() for history in each.histories for row in history[:1]]
    return name if all(name in row for row in rows) else "val_dice"


def _epochs_to(curves: Sequence[Mapping[int, float]]) -> float | None:
    """The mean over curves of the first validated epoch with MOST of the curve's best."""
    firsts = [
        next(epoch for epoch, value in curve.items() if value >= MOST * max(curve.values()))
        for curve in curves
        if curve and max(curve.values()) > 0
    ]
    return float(np.mean(firsts)) if firsts else None


def _swept(study: Study, arm: Arm) -> float | None:
    """The arm's value of the only axis, where it is a number."""
    if len(study.axis) != 1:
        return None
    value = arm.overrides[next(iter(study.axis))]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
