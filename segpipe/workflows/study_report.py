"""A study's answer: tables and one page under metrics/studies/NAME, and findings in words."""

from pathlib import Path

from segpipe import paths
from segpipe.console.tables import format_table
from segpipe.experiments import study_file
from segpipe.params.load import load_params
from segpipe.report import study_page, study_text
from segpipe.storage import files
from segpipe.tracking import mlflow_runs
from segpipe.workflows.study_results import gather


def report(file: Path) -> tuple[str, str]:
    """Writes metrics/studies/NAME, prints the table and the findings; returns where the page is, and what to do next.

    Raises PipelineError for a study that is not one, and where its first arm or all others have no results.
    """
    study = study_file.read(file)
    contents = gather(study)
    folder = paths.METRICS / "studies" / study.name
    files.write_text(folder / "arms.csv", study_text.arms_csv(contents))
    files.write_text(folder / "runs.csv", study_text.runs_csv(contents))
    files.write_text(folder / "curves.csv", study_text.curves_csv(contents))
    files.write_text(folder / "index.html", study_page.render(contents))
    names = ("index.html", "arms.csv", "runs.csv", "curves.csv")
    mlflow_runs.study_files(load_params().tracking.experiment, study.name, [folder / name for name in names])
    print(f"{study.title} {study.score} of {contents.n_images} {study.part} images\n")
    print(format_table(study_text.rows(contents.arms), study_text.HEADS))
    print()
    for sentence in study_text.findings(contents):
        print(f"* {sentence}")
    again = f"segpipe study run {file}, for the arms without results" if contents.missing else "open it in a browser"
    return (folder / "index.html").as_posix(), again
