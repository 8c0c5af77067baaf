"""A study as one page, by the same style as the report's: it needs no network and runs no script."""

from dataclasses import dataclass

from segpipe.images.overlay import WRONG
from segpipe.report import closer_look, study_figures, study_text
from segpipe.report.page import environment
from segpipe.report.study_contents import StudyContents


@dataclass(frozen=True)
class Chart:
    """A drawing with its title and what to see in it; `svg` is markup of our own, in which names are escaped."""

    title: str
    svg: str
    caption: str


def render(contents: StudyContents) -> str:
    """The page as HTML; the same contents give the same bytes."""
    arms = contents.arms
    return (
        environment()
        .get_template("study.html")
        .render(
            vars(contents)
            | {
                "findings": study_text.findings(contents),
                "heads": study_text.HEADS,
                "rows": study_text.rows(arms),
                "score_table": study_text.score_table(arms),
                "epoch_table": study_text.epoch_table(arms),
                "snapshot_table": study_text.snapshot_table(arms),
                "n_followed": next((each.images for arm in arms for run in arm.snapshots for each in run), 0),
                "cost_heads": study_text.COST_HEADS,
                "cost_rows": study_text.cost_rows(arms),
                "labels": list(zip((each.label for each in arms), study_figures.colours(arms), strict=True)),
                "charts": _charts(contents),
                "still": closer_look.STILL,
                "gained": closer_look.GAINED,
                "wrong": WRONG,
                "curves": [_curves(contents)] if any(each.curves for each in arms) else [],
            }
        )
    )


def _charts(contents: StudyContents) -> list[Chart]:
    arms, key = contents.arms, contents.key
    return [
        Chart(f"{contents.score} of every run", study_figures.by_arm(arms, key), "A dot a run, a bar the mean of an arm."),
        Chart("Above the first arm", study_figures.differences(arms, key), "Corrected 95 % intervals; in colour: told apart."),
    ]


def _curves(contents: StudyContents) -> Chart:
    title = f"{contents.watched.removeprefix('val_')} of the validation part"
    return Chart(title, study_figures.by_epoch(contents.arms), "A thin line a run, a thick one the mean of an arm.")
