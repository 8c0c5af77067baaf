"""The test part and the folds of data/prepared, with the report that shows how balanced they are."""

import sys

from segpipe import paths
from segpipe.dataset import pack
from segpipe.dataset.split import assign, balance_report, folds, kept_folds
from segpipe.dataset.split.groups import counted_as_one
from segpipe.errors import plain
from segpipe.params.stage_keys import SplitKeys


def split(params: SplitKeys) -> str:
    """Writes data/folds and kept_folds.csv, and prints warnings; returns the table of the parts.

    Raises PipelineError where the images cannot be parted as params.yaml asks.
    """
    info = pack.read_info(paths.PREPARED)
    index = pack.read_index(paths.PREPARED)
    pixels = pack.pixel_columns(info)
    keys = assign.keys_of(index, params.split, params.seed, params.data.source)
    kept = kept_folds.read(paths.KEPT_FOLDS, keys, index.index.tolist())
    assigned = assign.assign(index, pixels, params.split, params.seed, kept)
    folds.check(assigned.parts, params.folds)
    report = balance_report.compute(index, pixels, info.classes, assigned)
    # Remembered before it is shown: whatever is killed in between, the next run finds the same parts.
    kept_folds.write(paths.KEPT_FOLDS, assigned.kept)
    folds.write(paths.FOLDS, assigned.parts, counted_as_one(index, params.split))
    balance_report.write(paths.BALANCE_REPORT, report)
    # Where near-duplicates count as one group, those that lists part are among the leaks.
    cut = [] if params.split.join_duplicates else balance_report.parted_duplicates(index, assigned.parts)
    for warning in [*balance_report.warnings(report, assigned), *cut]:
        print(f"warning: {plain(warning)}", file=sys.stderr)
    if not folds.test(assigned.parts):
        print("no test part, so scores are out of fold: raise split.test_share, lower split.n_folds, or add images")
    return balance_report.table(report)
