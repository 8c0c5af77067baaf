"""Every architecture through the real stages on CamVid: two epochs, evaluated and exported, and not a warning on the way.

python -m tests.torture.camvid DATA prints a table; it fails where a stage does or where it warns. With --every 4 each fourth
image of each part is taken, for a look that takes a fourth of the time.
Warnings of Python are errors in each stage's process and in its loader's; what a stage prints must not hold the word.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from segpipe.models.table import MODELS
from tests.pipeline.conftest import new_repository, set_params

SETTINGS: dict[str, Any] = {
    "threads": 1,
    "input": {"long_side": 128, "crop": 96},
    "model": {"width": 8, "depth": 4, "encoder": "resnet18", "architecture": "Unet"},
    "train": {"epochs": 2, "batch_size": 8},
    "export": {"n_images": 4},
    "runtime": {"device": "cpu", "workers": 1},
}
"""Small enough for a core: 128 x 96 pixels, and 92 steps in all."""

LET_THROUGH: dict[str, str] = {
    "ignore:The ``noload`` loader strategy is deprecated": "MLflow's own queries to its database, by SQLAlchemy",
}
"""Warnings of libraries that are no errors, as -W writes them, and whose they are."""

STAGES = (["train", "--fold", "0"], ["evaluate", "--fold", "0"], ["export"])
WARNED = re.compile("warn", re.IGNORECASE)


def thinned(data: Path, folder: Path, params: int) -> Path:
    """A copy of each part's every so manieth image, with its mask and in the lists; all of them are the data itself."""
    if params == 1:
        return data
    for name in ("images", "masks", "splits"):
        (folder / name).mkdir(parents=True)
    shutil.copy(data / "classes.txt", folder)
    for part in sorted((data / "splits").iterdir()):
        stems = part.read_text(encoding="utf-8").splitlines()[::params]
        (folder / "splits" / part.name).write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")
        for stem in stems:
            for name in ("images", "masks"):
                (found,) = (data / name).glob(f"{Path(stem).stem}.*")
                shutil.copy(found, folder / name)
    return folder


def prepared(data: Path, folder: Path) -> Path:
    """A project in which the data is brought in and dealt; what convert says of the data itself is no matter here."""
    new_repository(folder)
    say(folder, ["-m", "segpipe.cli.main", "init", "--in-place", str(data)])
    set_params(folder, SETTINGS)
    for stage in ("download", "convert", "split"):
        say(folder, ["-m", f"stages.{stage}"])
    return folder


def trained(project: Path, name: str) -> dict[str, Any]:
    """Validation Dice, test mIoU and seconds of one architecture. Raises SystemExit where a stage fails or warns."""
    set_params(project, {"model": {"name": name}})
    started = time.monotonic()
    for stage, *arguments in STAGES:
        strict = [argument for warning in ("error", *LET_THROUGH) for argument in ("-W", warning)]
        told = say(project, [*strict, "-m", f"stages.{stage}", *arguments])
        if warned := [line for line in told.splitlines() if WARNED.search(line)]:
            raise SystemExit(f"{name}: stage {stage} warns\n" + "\n".join(warned))
    seconds = time.monotonic() - started
    run = json.loads((project / "data" / "eval" / "fold0" / "run.json").read_text(encoding="utf-8"))
    if run["params"]["model"]["name"] != name:
        raise SystemExit(f"{name}: what was evaluated is {run['params']['model']['name']}")
    return {"name": name, "seconds": seconds} | scores_of(project)


def scores_of(project: Path) -> dict[str, float]:
    """The scores that stage evaluate counted, of the validation and the test part."""
    import csv

    import numpy as np

    from segpipe.models import model_file
    from segpipe.scores.counts import scores

    _, card = model_file.load(project / "models" / "fold0" / "model.safetensors")
    counts = {part: np.zeros((len(card.classes), len(card.classes)), np.int64) for part in ("val", "test")}
    with (project / "data" / "eval" / "fold0" / "counts.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            counts[row["part"]][int(row["truth"]), int(row["prediction"])] = int(row["pixels"])
    found = {part: scores([counted], card.has_background) for part, counted in counts.items()}
    return {"val_dice": found["val"]["dice"] or 0.0, "test_miou": found["test"]["miou"] or 0.0}


def say(folder: Path, arguments: list[str]) -> str:
    """What a Python process prints, both streams. Raises SystemExit where it fails."""
    hidden = ("DVC_ROOT", "PYTHONWARNINGS", "MLFLOW_TRACKING_URI")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONPATH": ""}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def table(rows: Iterable[dict[str, Any]], tell: Callable[[str], object] = print) -> None:
    """A line an architecture, as each is done."""
    tell(f"{'model.name':30}{'val Dice':>10}{'test mIoU':>11}{'seconds':>9}")
    for row in rows:
        tell(f"{row['name']:30}{row['val_dice']:10.3f}{row['test_miou']:11.3f}{row['seconds']:9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of CamVid: images, masks, splits, classes.txt")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS, metavar="NAME", help="these only")
    parser.add_argument("--every", type=int, default=1, help="take each so manieth image")
    parser.add_argument("--keep", type=Path, help="work in this new folder and leave it there")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        raise SystemExit(f"{asked.data}: no such folder. Name the folder of CamVid.")
    with tempfile.TemporaryDirectory() as temporary:
        data = thinned(asked.data.resolve(), Path(temporary) / "data", asked.every)
        project = prepared(data, (asked.keep or Path(temporary)) / "project")
        table((trained(project, name) for name in asked.models), lambda line: print(line, flush=True))
        print(f"{len(asked.models)} of {len(MODELS)} architectures trained without a warning")


if __name__ == "__main__":
    main()
