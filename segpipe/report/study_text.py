"""What follows from a study, in sentences, and its numbers as tables: nothing is said that the numbers do not hold."""

from collections.abc import Iterable, Iterator, Sequence

from segpipe.report.study_contents import ArmResults, StudyContents
from segpipe.scores.intervals import format_score
from segpipe.scores.paired import format_better, format_difference
from segpipe.scores.settings import BETTER, CANNOT_BE_TOLD, WORSE, Verdict
from segpipe.storage.csv_table import csv_text

DIGITS = 6
EPOCHS = 4
"""Shown in the table of scores by epoch, beside the best."""
UNLIKE = 1.5
"""Times the noise of seeds of all arms: an arm of three seeds with that noise is above it once in ten studies."""
NAMED = 4
"""Runs without results that a sentence names."""
HEADS = ("arm", "seeds", "mean, 95 %", "spread", "above the first, 95 %", "P(better)", "verdict", "epochs to 95 %")
COST_HEADS = ("parameters", "memory of a step", "training time")


def findings(contents: StudyContents) -> list[str]:
    """The sentences, the answer first."""
    return [*_verdicts(contents), *_noise(contents), *_winner(contents), *_missing(contents), *_no_pictures(contents)]


def rows(arms: Sequence[ArmResults]) -> list[list[str]]:
    """An arm a row, in words, under HEADS."""
    return [
        [
            each.label,
            str(len(each.seeds)),
            format_score(each.mean, each.bounds),
            "" if each.spread is None else f"{each.spread:.4f}",
            _difference(each.verdict),
            format_better(each.verdict.difference) if each.verdict else "",
            each.verdict.word if each.verdict else "the first",
            "" if each.epochs_to is None else f"{each.epochs_to:.3g}",
        ]
        for each in arms
    ]


def cost_rows(arms: Sequence[ArmResults]) -> list[list[str]]:
    """What each arm costs, under its label and COST_HEADS; times are multiples of the first arm's, which other machines share."""
    first = arms[0].cost.seconds
    return [
        [
            each.label,
            "" if each.cost.parameters is None else f"{each.cost.parameters:,}",
            "" if each.cost.peak_bytes is None else f"{each.cost.peak_bytes / 2**20:,.0f} MiB",
            "" if each.cost.seconds is None or not first else f"{each.cost.seconds / first:.2f} x",
        ]
        for each in arms
    ]


def score_table(arms: Sequence[ArmResults]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of all scores: an arm a row, a score a column, those that any arm has."""
    names = list(dict.fromkeys(name for each in arms for name, value in each.others.items() if value is not None))
    return ["arm", *names], [[each.label, *(_rounded(each.others.get(name)) for name in names)] for each in arms]


def snapshot_table(arms: Sequence[ArmResults]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of mAP after the epochs whose weights every run kept: an arm a row, means of runs, none without epochs."""
    runs = [{each.epoch: each.map for each in run} for arm in arms for run in arm.snapshots]
    shared = [epoch for epoch in (runs[0] if runs else ()) if all(epoch in run for run in runs)]
    rows = [[arm.label, *(_rounded(_snapshot_mean(arm, epoch)) for epoch in shared)] for arm in arms if shared]
    return ["arm", *(f"epoch {epoch}" for epoch in shared)], rows


def epoch_table(arms: Sequence[ArmResults]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the validation score at some epochs that all curves have, and its best: an arm a row, means of curves."""
    curves = [curve for each in arms for curve in each.curves]
    shared = [epoch for epoch in (curves[0] if curves else ()) if all(epoch in curve for curve in curves)]
    # The last one and some before it, evenly.
    shown = [shared[len(shared) * (number + 1) // EPOCHS - 1] for number in range(EPOCHS)] if len(shared) > EPOCHS else shared
    rows = [
        [each.label, *(_rounded(_mean(curve[epoch] for curve in each.curves)) for epoch in shown), _rounded(_best(each))]
        for each in arms
    ]
    return ["arm", *(f"epoch {epoch}" for epoch in shown), "best"], rows


def arms_csv(contents: StudyContents) -> str:
    """arms.csv: a row an arm, its mean, interval, spread, and how it compares with the first one."""
    heads = ("arm", "seeds", "mean", "low", "high", "spread", "difference", "difference_low", "difference_high", "p", "better")
    table = []
    for each in contents.arms:
        found = each.verdict.difference if each.verdict else None
        compared = (found.value, found.low, found.high, found.p, found.better) if found else (None,) * 5
        numbers = (each.mean, each.bounds.low, each.bounds.high, each.spread, *compared)
        table.append([each.label, len(each.seeds), *map(_cell, numbers), each.verdict.word if each.verdict else ""])
    return csv_text((*heads, "verdict"), table)


def runs_csv(contents: StudyContents) -> str:
    """runs.csv: a row a run."""
    pairs = [(arm.label, *run) for arm in contents.arms for run in zip(arm.seeds, arm.scores, strict=True)]
    return csv_text(("arm", "seed", contents.score), [[label, seed, _cell(score)] for label, seed, score in pairs])


def curves_csv(contents: StudyContents) -> str:
    """curves.csv: a row an arm, curve and epoch."""
    points = [
        [arm.label, number, epoch, _cell(value)]
        for arm in contents.arms
        for number, curve in enumerate(arm.curves)
        for epoch, value in curve.items()
    ]
    return csv_text(("arm", "curve", "epoch", contents.watched), points)


def _verdicts(contents: StudyContents) -> Iterator[str]:
    first, others = contents.arms[0], contents.arms[1:]
    for word, said in ((BETTER, "is better than"), (WORSE, "is worse than")):
        for each in others:
            if each.verdict and each.verdict.word == word:
                yield f"{each.label} {said} {first.label}: {format_difference(each.verdict.difference)} {contents.score}."
    open_arms = [each for each in others if each.verdict and each.verdict.word == CANNOT_BE_TOLD]
    if open_arms:
        names = _listed([each.label for each in open_arms])
        yield f"Whether {names} {'is' if len(open_arms) == 1 else 'are'} better or worse than {first.label} cannot be told."
        widest = max(open_arms, key=lambda each: abs((each.verdict and each.verdict.difference.value) or 0))
        if widest.verdict and widest.verdict.would_tell:
            yield f"{widest.label}: {widest.verdict.would_tell}."


def _noise(contents: StudyContents) -> Iterator[str]:
    noise = next((each.verdict.seed_noise for each in contents.arms if each.verdict), None)
    if noise is not None:
        yield (
            f"Two trainings that differ in their seed alone are {noise:.4f} {contents.score} apart from their mean (standard "
            "deviation, over all arms): a single pair that differs by less says nothing about the settings."
        )
        yield from _unlike(contents, noise)


def _unlike(contents: StudyContents, noise: float) -> Iterator[str]:
    """Arms whose seeds lie much farther apart than those of all: the noise of seeds is taken as alike, and is not for them."""
    for each in contents.arms:
        if each.spread is not None and each.spread > UNLIKE * noise:
            yield (
                f"The seeds of {each.label} lie {each.spread:.4f} apart, more than {UNLIKE:g} times as far as those of all arms "
                "together: what is said of it is less sure than it looks, and more seeds of it would help most."
            )


def _winner(contents: StudyContents) -> Iterator[str]:
    found = contents.winner
    if found is None or found.best is None or found.value is None:
        return
    taken = ", ".join(f"{name} {n} times" if n > 1 else f"{name} once" for name, n in found.chosen.items())
    elsewhere = format_score(found.value, found.interval)
    yield (
        f"The highest mean is that of {found.name}, {found.best:.4f}. The highest of {len(contents.arms)} is high by luck too: "
        f"chosen on some images and scored on the others it is {elsewhere} (chosen: {taken})."
    )


def _missing(contents: StudyContents) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in contents.missing.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"{', '.join(names[:NAMED])}{more}: no results ({reason})."


def _no_pictures(contents: StudyContents) -> Iterator[str]:
    if not contents.shown:
        yield (
            "No image is shown: all arms give the same on every one, or data/prepared does not hold them here, which "
            "`dvc repro convert` would bring."
        )


def _difference(verdict: Verdict | None) -> str:
    """Without the reason for no interval, which a sentence below the table says."""
    found = verdict.difference if verdict else None
    if found is None or found.value is None:
        return ""
    return f"{found.value:+.3f}" if found.low is None else format_difference(found)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _mean(values: Iterable[float]) -> float | None:
    there = list(values)
    return sum(there) / len(there) if there else None


def _snapshot_mean(arm: ArmResults, epoch: int) -> float | None:
    return _mean(each.map for run in arm.snapshots for each in run if each.epoch == epoch and each.map is not None)


def _best(arm: ArmResults) -> float | None:
    return _mean(max(curve.values()) for curve in arm.curves if curve)


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _cell(value: float | None) -> str:
    return "" if value is None else repr(round(value, DIGITS))
