"""All folds' results as numbers and tables under metrics/, and as one page, reports/index.html."""

from segpipe import decided, evaluation, gate, paths
from segpipe.dataset import pack
from segpipe.dataset.split import balance_report, folds
from segpipe.evaluation import FoldResults
from segpipe.inference import closer_look_file, ensemble_file, snapshot_scores
from segpipe.params.stage_keys import ReportKeys
from segpipe.report import (
    advice,
    augment_sheet,
    baseline,
    closer_look,
    doctor_section,
    ensemble,
    examples,
    image_table,
    intervals,
    numbers,
    page,
    picture_files,
    summary_text,
    suspects,
    tables,
)
from segpipe.report.against import sentence
from segpipe.report.intervals import Bounds
from segpipe.report.page import Contents
from segpipe.report.run_sections import Exported
from segpipe.reproducibility import fingerprint
from segpipe.scores.paired import format_difference
from segpipe.storage import files
from segpipe.tracking import mlflow_runs
from segpipe.workflows.report_baseline import against


def report(params: ReportKeys) -> str:
    """Writes metrics/ and reports/, prints the table of scores; returns the first score in words.

    Raises PipelineError where a fold's results are missing, broken, or of another split.
    """
    for name in evaluation.remove_others(paths.EVAL, params.folds):
        print(f"removed {paths.EVAL / name}: this fold is not in `folds`")
    contents = gather(params)
    results, summary, classes = contents.results, contents.summary, contents.info.classes
    files.write_json(paths.SUMMARY, summary)
    files.write_text(paths.METRICS / "curves.csv", tables.curves(results))
    bounds = _bounds(contents)
    files.write_text(paths.METRICS / "intervals.csv", intervals.table(bounds, classes))
    files.write_text(paths.METRICS / "per_class.csv", tables.per_class(results, classes))
    files.write_text(paths.METRICS / "confusion.csv", tables.confusion(results, classes))
    files.write_text(paths.PAGE, page.render(contents))
    files.write_text(paths.SUSPECTS, suspects.table(contents.suspects, classes, contents.index))
    files.write_text(paths.SUMMARY_TEXT, summary_text.render(contents))
    files.write_bytes(paths.AUGMENTATION, contents.sheet.png)
    worst = image_table.rows(results)[: params.report.n_images]
    picture_files.write(paths.PICTURES, worst, results, pack.open_pack(paths.PREPARED))
    for each in results:
        mlflow_runs.reopen(params.tracking.experiment, each.run["fingerprint"]).file(paths.PAGE, "report")
    of_parts = {part: each.scores for part, each in bounds.items() if part in summary}
    print(numbers.table(summary, of_parts, contents.info.has_background))
    if contents.ensemble:
        print(f"ensemble: dice {format_difference(contents.ensemble.sure['dice'])} against the mean of the folds")
    if contents.against:
        print(f"baseline: {sentence(contents.against)}")
    for line in contents.advice:
        print(f"advice: {line}")
    print(f"suspects: {paths.SUSPECTS} has the images whose masks are believed least, the worst first; correct them, dvc repro")
    shown = {name: "-" if value is None else f"{value:.2f}" for name, value in summary[contents.headline].items()}
    return f"{contents.headline} Dice {shown['dice']}, colours alone {shown[numbers.COLOUR]}"


def gather(params: ReportKeys) -> Contents:
    """All that the page shows, read and computed."""
    data = pack.open_pack(paths.PREPARED)
    parts, groups = folds.read(paths.FOLDS), folds.read_groups(paths.FOLDS)
    results = evaluation.read(paths.EVAL, params.folds, parts, len(data.info.classes))
    first = results[0]
    headline = numbers.headline(results)
    train, validation = folds.train_and_validation(parts, first.fold)
    colours = baseline.colour_dice(data, train, sorted(first.dice[headline]))
    look = closer_look_file.read(paths.closer_look_file(first.fold), first.fold)
    best, worst = examples.best_and_worst(first, headline, data, params.report.n_examples, look.confidence)
    bounds = intervals.of_scores(results, groups, data.info.has_background)
    averaged = ensemble_file.read(paths.ENSEMBLE, results, parts, len(data.info.classes))
    together = ensemble.compute(averaged, results, groups, data.info.has_background)
    return Contents(
        info=data.info,
        index=data.index,
        groups=groups,
        parts={"training": train, "validation": validation, "test": folds.test(parts)},
        results=results,
        headline=headline,
        bounds=bounds,
        advice=advice.advice(results, headline, bounds[headline]["dice"], data.index, data.info, train),
        decided={fold: decided.read(paths.eval_folder(fold), fold) for fold in params.folds},
        summary=numbers.summary(results, data.info.has_background, colours) | ensemble.summary(together),
        ensemble=together,
        against=against(params.report.baseline),
        params=first.run["params"],
        best=best,
        worst=worst,
        suspects=suspects.suspects(results, data, parts, 2 * params.report.n_examples),
        sheet=augment_sheet.sheet(data, train, first.fold, first.run),
        exported=_exported(results),
        doctor=doctor_section.read(paths.DOCTOR),
        proof=balance_report.read(paths.BALANCE_REPORT),
        data_hash=fingerprint.data_hash(paths.PREPARED),
        folds_hash=files.sha256_of(paths.FOLDS),
        n_pictures=params.report.n_images,
        followed=closer_look.followed(look, first.dice[headline], data),
        snapshots=snapshot_scores.read(paths.snapshot_scores_file(first.fold), first.fold),
    )


def _bounds(contents: Contents) -> dict[str, Bounds]:
    """All intervals of each part, and last those of the ensemble."""
    results, groups = contents.results, contents.groups
    found = {part: Bounds(each, intervals.of_classes(results, part, groups)) for part, each in contents.bounds.items()}
    return found | ensemble.bounds(contents.ensemble)


def _exported(results: list[FoldResults]) -> Exported | None:
    """What models/export holds, None where there is no whole export."""
    if not (paths.ONNX.exists() and paths.GATE.exists()):
        return None
    return Exported(gate.read(paths.GATE), paths.ONNX.stat().st_size, files.sha256_of(paths.ONNX))
