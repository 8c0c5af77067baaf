"""Stage report: all folds' results as numbers and tables under metrics/, and as one page, reports/index.html."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segpipe.console import command
from segpipe.params import schema
from segpipe.params.load import load_params

if TYPE_CHECKING:
    from segpipe.params.schema import Params
    from segpipe.report.page import Contents
    from segpipe.report.run_sections import Exported

PREPARED = Path("data/prepared")
DOCTOR = Path("data/doctor")
FOLDS = Path("data/folds/folds.csv")
PROOF = Path("data/folds/proof.json")
EVAL = Path("data/eval")
EXPORT = Path("models/export")
METRICS = Path("metrics")
PAGE = Path("reports/index.html")
SHEET = Path("reports/augmentation.png")
SHOWN = {"seed", "threads", "input", "augment", "model", "loss", "optim", "train", "infer"}
"""The parts of params.yaml that the page shows: those in the training's fingerprint. It stands in run.json, so that a
change reaches this stage without being a parameter of it."""


def main() -> None:
    """Gathers the results of all folds into metrics/ and reports/index.html."""
    every = load_params()

    from segpipe import evaluation
    from segpipe.report import numbers, page, tables
    from segpipe.storage import files

    for name in evaluation.remove_others(EVAL, every.folds):
        print(f"removed {EVAL / name}: this fold is not in `folds`")
    contents = _gather(every)
    results, summary, classes = contents.results, contents.summary, contents.info.classes
    files.write_json(METRICS / "summary.json", summary)
    files.write_text(METRICS / "curves.csv", tables.curves(results))
    files.write_text(METRICS / "per_class.csv", tables.per_class(results, classes))
    files.write_text(METRICS / "confusion.csv", tables.confusion(results, classes))
    files.write_text(PAGE, page.render(contents))
    SHEET.unlink(missing_ok=True)
    if contents.sheet:
        files.write_bytes(SHEET, contents.sheet.png)
    _track(every.tracking.experiment, contents)
    print(numbers.table(summary))
    shown = {name: "-" if value is None else f"{value:.2f}" for name, value in summary[contents.headline].items()}
    result = f"{contents.headline} Dice {shown['dice']}, colours alone {shown[numbers.COLOUR]}"
    command.done(f"{PAGE.as_posix()} ({result})", "open it in a browser; dvc exp run -S loss.dice_weight=0.7")


def _gather(every: "Params") -> "Contents":
    """All that the page shows, read and computed."""
    from segpipe import evaluation
    from segpipe.dataset import pack
    from segpipe.dataset.split import balance_report, folds
    from segpipe.report import augment_sheet, baseline, doctor_section, examples, numbers, page
    from segpipe.reproducibility import fingerprint
    from segpipe.storage import files

    data = pack.open_pack(PREPARED)
    parts = folds.read(FOLDS)
    results = evaluation.read(EVAL, every.folds, parts, len(data.info.classes))
    headline = numbers.headline(results)
    train, validation = folds.train_and_validation(parts, every.folds[0])
    colours = baseline.colour_dice(data, train, sorted(results[0].dice[headline]))
    best, worst = examples.best_and_worst(results[0], headline, data, every.report.n_examples)
    return page.Contents(
        info=data.info,
        index=data.index,
        parts={"training": train, "validation": validation, "test": folds.test(parts)},
        results=results,
        headline=headline,
        summary=numbers.summary(results, data.info.has_background, colours),
        params=_shown(every),
        best=best,
        worst=worst,
        sheet=augment_sheet.sheet(data, train, every.folds[0], results[0].run),
        exported=_exported(),
        doctor=doctor_section.read(DOCTOR),
        proof=balance_report.read(PROOF),
        data_hash=fingerprint.data_hash(PREPARED),
        folds_hash=files.sha256_of(FOLDS),
    )


def _shown(every: "Params") -> dict[str, Any]:
    """The parameters as training takes them: a preset's values stand in the place of those that it overrules."""
    from segpipe.dataset import presets

    shown = every.model_dump(include=SHOWN)
    return shown | {"augment": presets.resolved(schema.AugmentParams(**shown["augment"])).model_dump()}


def _exported() -> "Exported | None":
    """What models/export holds, None where there is no whole export."""
    from segpipe.report.run_sections import Exported
    from segpipe.storage.files import sha256_of

    model, gate = EXPORT / "model.onnx", EXPORT / "gate.json"
    if not (model.exists() and gate.exists()):
        return None
    return Exported(json.loads(gate.read_text(encoding="utf-8")), model.stat().st_size, sha256_of(model))


def _track(experiment: str, contents: "Contents") -> None:
    """Attaches the page to each fold's MLflow run, which its training's fingerprint names."""
    for each in contents.results:
        if "fingerprint" not in each.run:
            print(f"warning: {EVAL}/fold{each.fold}/run.json names no training, so MLflow gets no page of it", file=sys.stderr)
            continue
        from segpipe import tracking

        tracking.again(experiment, each.run["fingerprint"]).file(PAGE, "report")


if __name__ == "__main__":
    command.run(main)
