"""Stage split: the test part and the folds of data/prepared, in data/folds/folds.csv."""

from pathlib import Path

from segpipe import command, params

PREPARED = Path("data/prepared")
FOLDS = Path("data/folds/folds.csv")


def main() -> None:
    """Deals the images out to the test part and the folds, balanced by class."""
    every = params.load()

    from segpipe.dataset import folds, pack

    info = pack.read_info(PREPARED)
    index = pack.read_index(PREPARED)
    pixels = pack.pixel_columns(info)
    parts = folds.assign(index, pixels, every.split.test_share, every.split.n_folds, every.seed)
    folds.check(parts, every.folds)
    folds.write(FOLDS, parts)
    if not folds.test(parts):
        print("no test part: the validation scores are all there is; raise split.test_share, or add images")
    print(folds.summary(index, pixels, info.classes, parts))
    command.done(FOLDS.as_posix(), "dvc repro train")


if __name__ == "__main__":
    command.run(main)
