"""Folds beside scikit-learn's: how far class shares are from ideal, what moves when images are added, and the time.

Run in the repository: python bench/folds.py [FOLDER_OF_DATA_SETS [ROUNDS]]

The largest deviation is of any class's share of pixels (of images) in any fold, relative to the ideal share. The bound is
what no split of whole groups could get below for the worst class alone, as far as dealing out that class alone finds it.
scikit-learn's StratifiedKFold, or StratifiedGroupKFold where there are groups, stratifies by each image's largest class.
The time is the processor's, of `split` from index.csv to its files, against reading the masks and counting their pixels.
"""

import statistics
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from segpipe.dataset import pack
from segpipe.dataset.split import balance_report, folds, kept_folds
from segpipe.dataset.split.assign import Assignment, assign, keys_of
from segpipe.dataset.split.balance import assign_groups
from segpipe.dataset.split.groups import groups_of
from segpipe.params.schema import SplitParams
from segpipe.storage.csv_table import csv_text

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
FOLDS = 5
Counts = NDArray[np.int64]


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    camvid, concrete = data / "camvid" / "masks", data / "concrete_voc" / "SegmentationClass"
    sets = [(name, *rest) for name, *rest in (("camvid", camvid, 11), ("concrete_voc", concrete, 3)) if rest[0].is_dir()]
    print(f"{'':28}{'largest deviation, pixels (images)':>48}{'old images that stay':>30}")
    print(f"{'':28}{'ours':>16}{'theirs':>16}{'ratio':>7}{'bound':>7}{'ours':>9}{'theirs':>8}")
    for name, folder, classes in sets:
        compare(name, index_of(folder, classes))
    if camvid.is_dir():
        index = index_of(camvid, 11)
        compare("camvid, sequences, 3 folds", index, 3, group="name", group_pattern="^(.*)_")
        compare("camvid, 20 frames in a row", in_a_row(index, 20))
    for seed in range(3):
        compare(f"hard {seed}", hard(600, 8, 80, seed).assign(group=""))
        compare(f"hard {seed}, groups", hard(600, 8, 80, seed))
    large = hard(20000, 20, 1500, 0)
    compare("20,000 images, 20 classes", large.assign(group=""))
    compare("20,000 images, groups", large)
    print()
    for name, folder, classes in sets:
        against_reading(name, folder, classes, rounds)
    print(f"20,000 images, 20 classes: split from the index {1000 * seconds_to_split(large, rounds):.0f} ms")


def compare(name: str, index: pd.DataFrame, n_folds: int = FOLDS, **keys: object) -> None:
    """One line: both deviations and their ratio, the bound, and what stays when the last tenth of the images is added."""
    split = params(n_folds, **keys)
    groups = groups_of(index, split)
    ours = part_numbers(index, assigned(index, split))
    theirs = peer(index, groups, n_folds)
    old = index.iloc[np.sort(np.random.default_rng(0).permutation(len(index))[: len(index) * 9 // 10])]
    first = assigned(old, split)
    again = assigned(index, split, first.kept)
    stay = np.mean([again.parts[item] == part for item, part in first.parts.items()])
    before = peer(old, groups_of(old, split), n_folds)
    after = theirs[index.index.get_indexer(old.index)]
    pair = [(deviation(index, parts, n_folds, False), deviation(index, parts, n_folds, True)) for parts in (ours, theirs)]
    both = "".join(f"{f'{p:.1%} ({i:.1%})':>16}" for p, i in pair)
    ratio, least = pair[0][0] / pair[1][0], bound(index, groups, n_folds)
    print(f"{name:28}{both}{ratio:7.2f}{least:7.1%}{stay:9.1%}{np.mean(before == after):8.1%}")


def peer(index: pd.DataFrame, groups: dict[str, str], n_folds: int) -> Counts:
    """scikit-learn's fold of each image."""
    largest = counts(index).argmax(axis=1)
    kin = [groups[item] for item in index.index]
    grouped = len(set(kin)) < len(kin)
    splitter = (StratifiedGroupKFold if grouped else StratifiedKFold)(n_folds, shuffle=True, random_state=0)
    parts = np.zeros(len(index), np.int64)
    for fold, (_, held) in enumerate(splitter.split(largest, largest, kin)):
        parts[held] = fold
    return parts


def deviation(index: pd.DataFrame, parts: Counts, n_folds: int, of_images: bool) -> float:
    """The largest deviation of a class's share in a fold, relative to the ideal."""
    amounts = (counts(index) > 0).astype(np.int64) if of_images else counts(index)
    held = np.stack([amounts[parts == fold].sum(axis=0) for fold in range(n_folds)])
    return float(np.abs(held / amounts.sum(axis=0) * n_folds - 1).max())


def bound(index: pd.DataFrame, groups: dict[str, str], n_folds: int) -> float:
    """The largest deviation that is left where each class is dealt out alone."""
    kin = np.unique([groups[item] for item in index.index], return_inverse=True)[1]
    amounts = np.zeros((kin.max() + 1, counts(index).shape[1]), np.int64)
    np.add.at(amounts, kin, counts(index))
    free, shares = np.full(len(amounts), -1), [1] * n_folds
    alone = [assign_groups(column[:, None], shares, free, shares) for column in amounts.T]
    held = [[column[parts == fold].sum() for fold in range(n_folds)] for column, parts in zip(amounts.T, alone, strict=True)]
    return float(max(np.abs(np.array(each) / sum(each) * n_folds - 1).max() for each in held))


def against_reading(name: str, folder: Path, classes: int, rounds: int) -> None:
    """The time to split from the index, against that of reading all masks, in turns."""
    index = index_of(folder, classes)
    usual, reading, splitting = [], [], []
    for _ in range(rounds):
        start = time.process_time()
        for path in folder.glob("*.png"):
            np.unique(np.asarray(Image.open(path)), return_counts=True)
        usual.append(time.process_time() - start)
        start = time.process_time()
        index_of(folder, classes)
        reading.append(time.process_time() - start)
        splitting.append(seconds_to_split(index, 1))
    unique, read, split = (statistics.median(each) for each in (usual, reading, splitting))
    print(f"{name}, {len(index)} masks: split from the index {1000 * split:.0f} ms")
    print(f"    reading them with np.unique, the usual way: {1000 * unique:.0f} ms, {unique / split:.1f} times as long")
    print(f"    reading them with np.bincount: {1000 * read:.0f} ms, {read / split:.1f} times as long")


def seconds_to_split(index: pd.DataFrame, rounds: int) -> float:
    """Of what the stage does once it has started, without a memory; the median."""
    split = params(FOLDS, test_share=0.2)
    return statistics.median(_timed(index, split) for _ in range(rounds))


def _timed(index: pd.DataFrame, split: SplitParams) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        head = ["id", "source", "image_sha256", "mask_sha256", *index.columns]
        rows = ([item, item, "0" * 64, "0" * 64, *row] for item, row in zip(index.index, index.to_numpy().tolist(), strict=True))
        (folder / "index.csv").write_text(csv_text(head, rows), encoding="utf-8")
        start = time.process_time()
        read = pack.read_index(folder)
        found = assigned(read, split)
        pixels = [name for name in read.columns if name.startswith("pixels_")]
        proved = balance_report.compute(read, pixels, pixels, found)
        kept_folds.write(folder / "kept_folds.csv", found.kept)
        folds.write(folder / "folds.csv", found.parts)
        balance_report.write(folder / "proof.json", proved)
        balance_report.table(proved)
        return time.process_time() - start


def assigned(index: pd.DataFrame, split: SplitParams, kept: kept_folds.KeptFolds | None = None) -> Assignment:
    empty = kept_folds.KeptFolds(*keys_of(index, split, 0, "masks"), {})
    pixels = [name for name in index.columns if name.startswith("pixels_")]
    return assign(index, pixels, split, 0, kept or empty)


def params(n_folds: int, **keys: object) -> SplitParams:
    """The project's own section, without a test part."""
    own = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["split"]
    return SplitParams.model_validate(own | {"test_share": 0.0, "n_folds": n_folds, "group": "none"} | keys)


def part_numbers(index: pd.DataFrame, assignment: Assignment) -> Counts:
    return np.array([int(assignment.parts[item]) for item in index.index])


def counts(index: pd.DataFrame) -> Counts:
    return index[[name for name in index.columns if name.startswith("pixels_")]].to_numpy(np.int64)


def index_of(folder: Path, classes: int) -> pd.DataFrame:
    """What index.csv says of a folder of masks, by reading them all."""
    paths = sorted(folder.glob("*.png"))
    rows = [np.bincount(np.asarray(Image.open(path)).ravel(), minlength=classes)[:classes] for path in paths]
    return table([path.stem for path in paths], np.array(rows, np.int64))


def table(ids: list[str], amounts: Counts) -> pd.DataFrame:
    index = pd.DataFrame(amounts, index=ids, columns=[f"pixels_{number}" for number in range(amounts.shape[1])])
    return index.assign(given="", group="", twin="")


def in_a_row(index: pd.DataFrame, length: int) -> pd.DataFrame:
    """Neighbouring frames of one sequence as a group."""
    return index.assign(group=[f"{item.split('_')[0]} {number // length}" for number, item in enumerate(index.index)])


def hard(images: int, classes: int, groups: int, seed: int) -> pd.DataFrame:
    """Groups of 1 to some dozen images; the rarest classes are in 12 groups, in part of their images, on few pixels."""
    random = np.random.default_rng(seed)
    size = random.lognormal(0, 0.8, groups)
    kin = np.repeat(np.arange(groups), np.maximum(1, (size / size.sum() * images).astype(int)))
    amounts = np.zeros((len(kin), classes), np.int64)
    amounts[:, 0] = random.integers(10000, 60000, len(kin))
    for number in range(1, classes):
        holding = random.choice(groups, max(12, int(groups * 0.6**number)), replace=False)
        chosen = np.isin(kin, holding) & (random.random(len(kin)) < 0.6)
        amounts[chosen, number] = random.lognormal(6, 0.7, chosen.sum()).astype(int)
    return table([f"i{number:05d}" for number in range(len(kin))], amounts).assign(group=[f"g{each}" for each in kin])


if __name__ == "__main__":
    main()
