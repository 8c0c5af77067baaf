"""What a pretrained encoder is worth: the same network from scratch, from weights, and frozen first, on the real pipeline.

Run in the repository:
python bench/transfer.py --data FOLDER_OF_CAMVID --weights FILE_OF_MOBILENET_V2

It makes a DVC project of the tracked files, brings the data in by `segpipe init --in-place`, and lets `dvc repro` train and
score each variant with each seed, all with the same budget and the data's own split. The network is smp's Unet on
mobilenet_v2. The table has a line as soon as its run ends, so a run that is cut off leaves what was done.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from segpipe import evaluation
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.params import edit
from segpipe.report import numbers
from segpipe.storage.files import sha256_of

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
KINDS = ("scratch", "pretrained", "frozen first")
SCORES = ("miou", "dice")
Row = dict[str, float]


def main() -> None:
    options = parsed()
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(options.keep or temporary).resolve() / "project"
        bring(project, options)
        info = pack.read_info(project / "data/prepared")
        budget = f"{options.epochs} epochs, long side {options.long_side}, crop {options.crop}, batch {options.batch}"
        print(f"{info.n_images} images, {len(info.classes)} classes; {budget}, lr {options.lr:g}, {limited(options.limit)}\n")
        print("| encoder | seed | test mIoU | test Dice | best epoch | minutes |\n|---|---|---|---|---|---|", flush=True)
        rows: dict[str, list[Row]] = {}
        # Seed by seed, so that a run that is cut off has compared what it has done.
        for seed in options.seeds:
            for kind in options.kinds:
                row = trained(project, kind, seed, options)
                rows.setdefault(kind, []).append(row)
                cells = [f"{row[name]:.4f}" for name in SCORES] + [f"{row['best_epoch']:.0f}", f"{row['minutes']:.1f}"]
                print(f"| {kind} | {seed} | {' | '.join(cells)} |", flush=True)
    print("\n| encoder | seeds | test mIoU, mean and deviation | test Dice, mean and deviation |\n|---|---|---|---|")
    for kind, found in rows.items():
        print(f"| {kind} | {len(found)} | {' | '.join(spread([row[name] for row in found]) for name in SCORES)} |")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder that `segpipe init` knows")
    parser.add_argument("--weights", type=Path, required=True, help="a file of mobilenet_v2's ImageNet weights, input in [-1, 1]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--frozen", type=int, default=2, help="`frozen first`: epochs")
    parser.add_argument("--rate", type=float, default=0.1, help="`frozen first`: the encoder's share of the rate afterwards")
    parser.add_argument("--long-side", type=int, default=240)
    parser.add_argument("--crop", type=int, default=160)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--limit", type=int, default=0, help="train on so many images only; 0 takes all")
    parser.add_argument("--keep", type=Path, help="a folder for the project, which stays, and where a second run goes on")
    return parser.parse_args()


def bring(project: Path, options: argparse.Namespace) -> None:
    """A DVC project of our tracked files with the data brought in, converted and split; as it is where it is there."""
    if not (project / "params.yaml").exists():
        listed = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        skipped = ("metrics/", "tests/", "docs/", "bench/", "dvc.lock")
        for name in (name for name in listed if (ROOT / name).is_file() and not name.startswith(skipped)):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
        run(project, "git", "init", "--quiet")
        run(project, PYTHON, "-m", "segpipe.cli.main", "init", str(options.data.resolve()), "--in-place", "--fix")
    run(project, PYTHON, "-m", "dvc", "repro", "split")


def trained(project: Path, kind: str, seed: int, options: argparse.Namespace) -> Row:
    """Test scores of that encoder's training, its best epoch, and how long `dvc repro` took."""
    edit.write(project / "params.yaml", values(kind, seed, options))
    start = time.perf_counter()
    run(project, PYTHON, "-m", "dvc", "repro", "evaluate@0")
    minutes = (time.perf_counter() - start) / 60
    info, parts = pack.read_info(project / "data/prepared"), folds.read(project / "data/folds/folds.csv")
    results = evaluation.read(project / "data/eval", [0], parts, len(info.classes))[0]
    found = numbers.of_fold(results, evaluation.TEST, info.has_background)
    best_epoch = results.run["best_epoch"] + 1
    return {name: float(found[name] or 0) for name in SCORES} | {"best_epoch": best_epoch, "minutes": minutes}


def values(kind: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """What params.yaml says for one run. All variants see the same input, crops, rate and number of steps."""
    from_file = kind != "scratch"
    first = kind == "frozen first"
    return {
        "seed": seed,
        "threads": 1,
        "folds": [0],
        "input.long_side": options.long_side,
        "input.crop": options.crop,
        "input.normalise": "centred",
        "model.name": "smp",
        "model.architecture": "Unet",
        "model.encoder": "mobilenet_v2",
        "model.weights": str(options.weights.resolve()) if from_file else "none",
        "model.weights_sha256": sha256_of(options.weights) if from_file else "none",
        "optim.lr": options.lr,
        "optim.encoder_statistics": "keep" if from_file else "learn",
        "optim.encoder_frozen": options.frozen if first else 0,
        "optim.encoder_rate": options.rate if first else 1.0,
        "train.epochs": options.epochs,
        "train.batch_size": options.batch,
        "train.monitor": "miou",
        "train.limit_images": options.limit,
        "runtime.workers": 0,
        "runtime.device": "cpu",
    }


def run(folder: Path, *command: str) -> str:
    """What the command printed. Its failure ends the bench with all that it said."""
    path = os.pathsep.join([str(Path(PYTHON).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": "", "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}{result.stderr[-4000:]}")
    return result.stdout


def spread(found: list[float]) -> str:
    """Mean and sample standard deviation."""
    deviation = f" ± {statistics.stdev(found):.4f}" if len(found) > 1 else ""
    return f"{statistics.mean(found):.4f}{deviation}"


def limited(limit: int) -> str:
    return f"the first {limit} training images" if limit else "all training images"


if __name__ == "__main__":
    main()
