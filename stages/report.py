"""Stage report: all folds' results as numbers and tables under metrics/, and as one page, reports/index.html."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from segpipe import command, params

if TYPE_CHECKING:
    from segpipe.report.inputs import FoldResults
    from segpipe.report.page import Exported

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
EVAL = Path("data/eval")
EXPORT = Path("models/export")
METRICS = Path("metrics")
PAGE = Path("reports/index.html")
SHOWN = {"seed", "split", "input", "augment", "model", "loss", "optim", "train"}
"""The parts of params.yaml that the page shows as what was run."""


def main() -> None:
    """Gathers the results of all folds into metrics/ and reports/index.html."""
    every = params.load()

    from segpipe import files, fingerprint
    from segpipe.dataset import folds, pack
    from segpipe.report import baseline, examples, inputs, numbers, page, tables

    for name in inputs.remove_others(EVAL, every.folds):
        print(f"removed {EVAL / name}: it is not in `folds`")
    data = pack.open_pack(PREPARED)
    parts = folds.read(FOLDS)
    classes = data.info.classes
    results = inputs.read(EVAL, every.folds, parts, len(classes))
    headline = numbers.headline(results)
    train, validation = folds.train_and_validation(parts, every.folds[0])
    ids = {"training": train, "validation": validation, "test": folds.test(parts)}
    colours = baseline.colour_dice(data, train, sorted(results[0].dice[headline]))
    summary = numbers.summary(results, data.info.has_background, colours)
    best, worst = examples.best_and_worst(results[0], headline, data, every.report.n_examples)
    contents = page.Contents(
        info=data.info,
        index=data.index,
        parts=ids,
        results=results,
        headline=headline,
        summary=summary,
        params=every.model_dump(include=SHOWN),
        best=best,
        worst=worst,
        exported=_exported(),
        data_hash=fingerprint.data_hash(PREPARED),
        folds_hash=files.sha256_of(FOLDS),
    )
    files.write_json(METRICS / "summary.json", summary)
    files.write_text(METRICS / "curves.csv", tables.curves(results))
    files.write_text(METRICS / "per_class.csv", tables.per_class(results, classes))
    files.write_text(METRICS / "confusion.csv", tables.confusion(results, classes))
    files.write_text(PAGE, page.render(contents))
    _track(every.tracking.experiment, results)
    print(numbers.table(summary))
    shown = {name: "-" if value is None else f"{value:.2f}" for name, value in summary[headline].items()}
    result = f"{headline} Dice {shown['dice']}, colours alone {shown[numbers.COLOUR]}"
    command.done(f"{PAGE.as_posix()} ({result})", "open it in a browser; dvc exp run -S loss.dice_weight=0.7")


def _exported() -> "Exported | None":
    """What models/export holds, None where there is no whole export."""
    import json

    from segpipe.files import sha256_of
    from segpipe.report.page import Exported

    model, gate = EXPORT / "model.onnx", EXPORT / "gate.json"
    if not (model.exists() and gate.exists()):
        return None
    return Exported(json.loads(gate.read_text(encoding="utf-8")), model.stat().st_size, sha256_of(model))


def _track(experiment: str, results: "list[FoldResults]") -> None:
    """Attaches the page to each fold's MLflow run."""
    for each in results:
        if "fingerprint" not in each.run:
            print(f"warning: fold {each.fold} has no run.json that names its training, so MLflow gets no page", file=sys.stderr)
            continue
        from segpipe import tracking

        tracking.again(experiment, each.run["fingerprint"]).file(PAGE, "report")


if __name__ == "__main__":
    command.run(main)
