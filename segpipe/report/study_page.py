"""A study as one page, by the same style as the report's: it needs no network and runs no script."""

from segpipe.report import study_figures, study_text
from segpipe.report.page import environment
from segpipe.report.study_contents import StudyContents


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
                "cost_heads": study_text.COST_HEADS,
                "cost_rows": study_text.cost_rows(arms),
                "labels": list(zip((each.label for each in arms), study_figures.colours(arms), strict=True)),
                "by_epoch": study_figures.by_epoch(arms) if any(each.curves for each in arms) else "",
                "by_arm": study_figures.by_arm(arms, contents.key),
                "differences": study_figures.differences(arms, contents.key) if len(arms) > 1 else "",
            }
        )
    )
