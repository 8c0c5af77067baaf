"""What `segpipe init` and a training give in a budget of time, against what init chose before and a tuned recipe of smp.

Run in the repository:
python bench/defaults.py FOLDER_OF_CAMVID sample vessels --minutes 10 --seeds 0 1

A set is a folder that `segpipe init` knows, or a name of bench/made_sets.py. For each a DVC project of the tracked files is made
and the data brought in; then all variants train on the same images, one after the other, on the same cores and threads:

    init          what `segpipe init` writes
    init-scratch  the same without pretrained weights
    today         what init wrote before it knew them (bench/earlier_defaults.py)
    peer          segmentation_models_pytorch as its users write it (bench/peer.py), on the same pretrained encoder
    peer-scratch  the same without pretrained weights
    init:KEY=VALUE,KEY=VALUE   init with other values: what one of its choices is worth

The clock is that of the training's process, from its start to its end; ours trains the number of epochs, or of steps, that a
short trial says will fit, and a row says where that was more than a tenth too much. On a computer that others use, `--clock cpu`
counts CPU time. The scores are those of the test part at original resolution, or with `--more N` those of N further images of a
made set, whose own test part is small (bench/more_images.py). A row is printed as soon as it is there, so a run that is cut off
leaves what was done.
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clock
import made_sets
import yaml
from earlier_defaults import LATER
from earlier_defaults import values as earlier_values

from segpipe import evaluation
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.report import numbers

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
SCRATCH = "-scratch"
VARIANTS = ("init", "init-scratch", "today", "peer", "peer-scratch")
SCORES = ("miou", "dice")
LATE = 1.1
"""A training that takes more than this share of the budget is marked."""
NO_WEIGHTS: dict[str, Any] = {
    "model.weights": "none",
    "model.weights_sha256": "none",
    "optim.encoder_rate": 1.0,
    "optim.encoder_frozen": 0,
    "optim.encoder_statistics": "learn",
}


@dataclass(frozen=True)
class Row:
    """Test scores of one training, the seconds of its process, and what there is to say of it."""

    scores: dict[str, float]
    seconds: float
    note: str


@dataclass(frozen=True)
class Project:
    """A project with data brought in, converted and split; `params` is params.yaml as `segpipe init` wrote it."""

    folder: Path
    params: str


def main() -> None:
    options = parsed()
    if unknown := [name for name in options.sets if options.more and name not in made_sets.SETS]:
        sys.exit(f"--more: {unknown[0]} is none of {', '.join(made_sets.SETS)}")
    if options.clock == "cpu":
        # Threads that spin while they wait would count as work.
        os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    part = f"{options.more} further images:" if options.more else "test"
    print(f"| set | seed | variant | {part} mIoU | {part} Dice | minutes | |\n|---|---|---|---|---|---|---|", flush=True)
    rows: dict[tuple[str, str], list[Row]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.sets:
            project = brought(name, Path(options.keep or temporary).resolve() / Path(name).name, options)
            # Seed by seed, so that a run that is cut off has compared what it has done.
            for seed in options.seeds:
                for variant in options.variants:
                    row = measured(project, variant, seed, options)
                    rows.setdefault((Path(name).name, variant), []).append(row)
                    cells = [f"{row.scores[each]:.4f}" for each in SCORES] + [f"{row.seconds / 60:.1f}", row.note]
                    print(f"| {Path(name).name} | {seed} | {variant} | {' | '.join(cells)} |", flush=True)
    print("\n" + "\n".join(summary(rows, part)))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help=f"a folder, or one of {', '.join(made_sets.NAMES)}")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--variants", nargs="+", type=variant_name, default=list(VARIANTS), help=", ".join(VARIANTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=clock.KINDS, default="wall", help="what the minutes are (bench/clock.py)")
    parser.add_argument("--peer", default="", metavar="OPTIONS", help="more options for bench/peer.py, such as '--lr 0.002'")
    parser.add_argument(
        "--more", type=int, default=0, metavar="N", help="score N further images of a made set, not the test part"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the projects, which stay, and where a second run goes on")
    return parser.parse_args()


def variant_name(text: str) -> str:
    """A variant as it is written. Raises ArgumentTypeError for another word."""
    if text.partition(":")[0] not in VARIANTS:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(VARIANTS)}")
    return text


def changed_keys(variant: str) -> dict[str, Any]:
    """The values that a variant names, as YAML reads them."""
    changes = variant.partition(":")[2]
    return {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in changes.split(",") if each)}


def brought(name: str, folder: Path, options: argparse.Namespace) -> Project:
    """A DVC project of our tracked files with the data brought in, converted and split; as it is where it is there."""
    project, written = folder / "project", folder / "params.yaml"
    if not written.exists():
        data = Path(name).resolve()
        if name in made_sets.NAMES:
            data = folder / "data"
            made_sets.write(name, data)
        copy_tracked(project)
        run(project, options.threads, "git", "init", "--quiet")
        run(project, options.threads, *SEGPIPE, "init", str(data), "--in-place", "--fix", *minutes(options))
        run(project, options.threads, PYTHON, "-m", "dvc", "repro", "split")
        shutil.copy(project / "params.yaml", written)
    return Project(project, written.read_text(encoding="utf-8"))


SEGPIPE = (PYTHON, "-m", "segpipe.cli.main")


def copy_tracked(project: Path) -> None:
    listed = run(ROOT, 1, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    skipped = ("metrics/", "tests/", "docs/", "bench/", "dvc.lock")
    for name in (name for name in listed if (ROOT / name).is_file() and not name.startswith(skipped)):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)


def minutes(options: argparse.Namespace) -> list[str]:
    """The budget as an option of `segpipe init`, where it has one."""
    return ["--minutes", f"{options.minutes:g}"] if init_knows_minutes() else []


def init_knows_minutes() -> bool:
    return "--minutes" in run(ROOT, 1, *SEGPIPE, "init", "--help")


def measured(project: Project, variant: str, seed: int, options: argparse.Namespace) -> Row:
    """One training, and its scores on the test part."""
    # Each begins with what init wrote, and not with what the variant before left.
    (project.folder / "params.yaml").write_text(project.params, encoding="utf-8")
    row = (
        peer(project.folder, variant, seed, options)
        if variant.startswith("peer")
        else ours(project.folder, variant, seed, options)
    )
    late = row.seconds > LATE * 60 * options.minutes
    return Row(row.scores, row.seconds, f"{row.note}{', over the budget' if late else ''}")


def ours(project: Path, variant: str, seed: int, options: argparse.Namespace) -> Row:
    edit.write(project / "params.yaml", settings(project, variant) | {"seed": seed, "threads": options.threads, "folds": [0]})
    set_epochs(project, variant, options)
    start = now(options)
    run(project, options.threads, "./run", "train", "--fold", "0")
    seconds = now(options) - start
    run(project, options.threads, "./run", "evaluate", "--fold", "0")
    info, parts = pack.read_info(project / "data/prepared"), folds.read(project / "data/folds/folds.csv")
    results = evaluation.read(project / "data/eval", [0], parts, len(info.classes))[0]
    found = numbers.of_fold(results, evaluation.TEST, info.has_background)
    note = f"{len(results.history)} epochs, the best {results.run['best_epoch'] + 1}"
    own = {name: float(found[name] or 0) for name in SCORES}
    return Row(on_more_images(project, options) if options.more else own, seconds, note)


def on_more_images(project: Path, options: argparse.Namespace) -> dict[str, float]:
    """The scores of the trained model on further images of the made set that the project is of."""
    command = [PYTHON, str(ROOT / "bench/more_images.py"), project.parent.name, str(options.more)]
    output = run(ROOT, options.threads, *command, str(project / "models/fold0/model.safetensors"), path=ROOT)
    return dict(zip(SCORES, (float(cell) for cell in output.splitlines()[-1].split("|")[3:5]), strict=True))


def now(options: argparse.Namespace) -> float:
    """Seconds by the chosen clock, of the processes that have ended where it is their CPU time."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() if options.clock == "wall" else (ended.ru_utime + ended.ru_stime) / options.threads


def settings(project: Path, variant: str) -> dict[str, Any]:
    """What the variant changes of what init wrote."""
    if changes := changed_keys(variant):
        return changes
    if variant == "today":
        prepared = project / "data/prepared"
        chosen = earlier_values(pack.read_index(prepared), pack.read_info(prepared))
        return chosen | {key: value for key, value in LATER.items() if has_key(project, key)}
    return NO_WEIGHTS if variant.endswith(SCRATCH) else {}


def has_key(project: Path, key: str) -> bool:
    section, name = key.split(".")
    return hasattr(getattr(load_params(project / "params.yaml"), section), name)


def set_epochs(project: Path, variant: str, options: argparse.Namespace) -> None:
    """As many epochs as fit the budget by a short trial, at least one; what init itself measured is left alone."""
    # Its minutes are those of the clock on the wall, and of its own choices.
    if variant == "init" and init_knows_minutes() and options.clock == "wall":
        return
    output = run(project, options.threads, PYTHON, str(ROOT / "bench/epoch_time.py"), options.clock, path=project)
    took = json.loads(output.splitlines()[-1])
    fits = (60 * options.minutes - took["start"]) / took["epoch"]
    params = load_params(project / "params.yaml")
    if params.train.steps_per_epoch:
        # So many epochs as init wrote, of as many steps as fit.
        steps = max(1, int(took["steps"] * fits / params.train.epochs))
        edit.write(project / "params.yaml", {"train.steps_per_epoch": steps})
        return
    epochs, optim = max(1, int(fits)), params.optim
    short = {
        "optim.warmup_epochs": min(optim.warmup_epochs, epochs // 2),
        "optim.encoder_frozen": min(optim.encoder_frozen, epochs - 1),
    }
    edit.write(project / "params.yaml", {"train.epochs": epochs} | short)


def peer(project: Path, variant: str, seed: int, options: argparse.Namespace) -> Row:
    weights = "none" if variant.endswith(SCRATCH) else "bundled"
    more = ["--more", project.parent.name, str(options.more)] if options.more else []
    turned = ["--turns"] if project.parent.name in made_sets.WITHOUT_UP else []
    budget = [
        "--seconds",
        str(60 * options.minutes),
        "--threads",
        str(options.threads),
        "--seed",
        str(seed),
        "--clock",
        options.clock,
    ]
    command = [PYTHON, str(ROOT / "bench/peer.py"), str(project), "--weights", weights, *budget, *turned, *more]
    output = run(ROOT, options.threads, *command, *shlex.split(options.peer), path=ROOT)
    found = json.loads(output.splitlines()[-1])
    mirrored = " and ".join(f"{found['mirrored'][name] or 0:.4f}" for name in SCORES)
    note = f"{found['steps']} steps, crop {found['crop']}, {found['precision']}, {mirrored} with mirror images"
    return Row({name: float(found[name] or 0) for name in SCORES}, found["seconds"], note)


def summary(rows: dict[tuple[str, str], list[Row]], part: str) -> list[str]:
    """A line for each set and variant, and what our variants are ahead of the peer's, in points of mIoU and Dice on that part."""
    means = f"{part} mIoU, mean and deviation | {part} Dice, mean and deviation"
    lines = [f"| set | variant | seeds | {means} |", "|---|---|---|---|---|"]
    for (name, variant), found in rows.items():
        lines.append(f"| {name} | {variant} | {len(found)} | {' | '.join(spread(found, score) for score in SCORES)} |")
    lines += ["", "| set | | points of mIoU | points of Dice |", "|---|---|---|---|"]
    for (name, variant), found in rows.items():
        other = variant.replace("init", "peer")
        if other != variant and (name, other) in rows:
            ahead = [f"{100 * (mean(found, score) - mean(rows[name, other], score)):+.1f}" for score in SCORES]
            lines.append(f"| {name} | {variant} - {other} | {' | '.join(ahead)} |")
    return lines


def mean(found: list[Row], score: str) -> float:
    return statistics.mean(row.scores[score] for row in found)


def spread(found: list[Row], score: str) -> str:
    """Mean and sample standard deviation."""
    deviation = f" ± {statistics.stdev(row.scores[score] for row in found):.4f}" if len(found) > 1 else ""
    return f"{mean(found, score):.4f}{deviation}"


def run(folder: Path, threads: int, *command: str, path: Path | None = None) -> str:
    """What the command printed; `path` is where Python looks for segpipe first. Its failure ends the bench with all it said."""
    environment = os.environ | {
        # `run` and DVC start the Python that they find.
        "PATH": os.pathsep.join([str(Path(PYTHON).parent), os.environ["PATH"]]),
        "PYTHONPATH": "" if path is None else str(path),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": str(threads),
    }
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}{result.stderr[-4000:]}")
    return result.stdout


if __name__ == "__main__":
    main()
