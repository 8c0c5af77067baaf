"""Stage split: the test part and the folds of data/prepared, in data/folds; kept_folds.csv remembers them for the next time."""

import sys
from pathlib import Path

from segpipe.console import command
from segpipe.errors import plain
from segpipe.params.load import load_params

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")
PROOF = Path("data/folds/proof.json")


def main() -> None:
    """Deals the images out to the test part and the folds: whole groups, balanced by class, old images where they were."""
    every = load_params()

    from segpipe.dataset import pack
    from segpipe.dataset.split import assign, balance_report, folds, kept_folds

    info = pack.read_info(PREPARED)
    index = pack.read_index(PREPARED)
    pixels = pack.pixel_columns(info)
    keys = assign.keys_of(index, every.split, every.seed, every.data.source)
    kept = kept_folds.read(kept_folds.PATH, keys, index.index.tolist())
    split = assign.assign(index, pixels, every.split, every.seed, kept)
    folds.check(split.parts, every.folds)
    proved = balance_report.prove(index, pixels, info.classes, split)
    # Remembered before it is shown: whatever is killed in between, the next run finds the same parts.
    kept_folds.write(kept_folds.PATH, split.kept)
    folds.write(FOLDS, split.parts)
    balance_report.write(PROOF, proved)
    # Where near-duplicates count as one group, those that lists part are among the leaks.
    cut = [] if every.split.join_duplicates else balance_report.parted_duplicates(index, split.parts)
    for warning in [*balance_report.warnings(proved, split), *cut]:
        print(f"warning: {plain(warning)}", file=sys.stderr)
    if not folds.test(split.parts):
        print("no test part, so scores are out of fold: raise split.test_share, lower split.n_folds, or add images")
    print(balance_report.table(proved))
    command.done(f"{FOLDS.as_posix()} and {PROOF.name}; commit {kept_folds.PATH}", "dvc repro train")


if __name__ == "__main__":
    command.run(main)
