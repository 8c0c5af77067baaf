"""Every architecture learns one batch of the sample by heart: the real loop, its losses and scores, and no augmentation.

python -m tests.torture.overfit prints a table and fails where a name does not reach a Dice of 0.98 on the images it learned.
Off is what keeps a network from learning by heart: augmentation, dropout, DropBlock, weight decay, a rate that falls to 0.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from segpipe.models.table import MODELS
from segpipe.params import schema
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import assemble
from segpipe.workflows.training_data import read_fold
from stages import convert, download, split
from tests import plain_params
from tests.pipeline.conftest import set_params
from tests.structure.imports import ROOT

WANTED = 0.98
"""Dice in evaluation mode, the mean over the classes of objects, as stage evaluate counts it."""


@dataclass(frozen=True)
class Learned:
    """How an architecture learned: after how many epochs, each one step on the one batch, and the best Dice."""

    name: str
    epochs: int
    dice: float
    seconds: float


def settings(size: int, batch: int, epochs: int) -> dict[str, Any]:
    """The sections that differ from params.yaml; the loss is that of params.yaml."""
    return {
        "threads": 1,
        "data": {"source": "sample", "path": "data/raw", "sample": {"n_images": 24, "size": size}},
        "input": {"long_side": 0, "crop": size},
        "augment": {"preset": "plain"},
        "model": {"width": 16, "depth": 4, "dropout": 0.0, "drop_block": 0.0, "encoder": "resnet18", "architecture": "Unet"},
        "optim": {"name": "adamw", "lr": 0.003, "weight_decay": 0.0, "schedule": "constant", "warmup_epochs": 5},
        "train": {"epochs": epochs, "batch_size": batch, "limit_images": batch, "monitor": "dice", "precision": "fp32"},
        "runtime": {"device": "cpu", "workers": 0},
    }


def sample(folder: Path, changes: dict[str, Any]) -> schema.Params:
    """Makes the sample in the folder by the stages that make it, and returns the parameters with these changes."""
    folder.mkdir(parents=True, exist_ok=True)
    plain_params.write(folder)
    (folder / "kept_folds.csv").write_bytes(b"")
    (folder / "runtime.lock").write_bytes((ROOT / "runtime.lock").read_bytes())
    set_params(folder, changes)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        for stage in (download, convert, split):
            stage.main()
    return load_params(folder / "params.yaml")


def learn(folder: Path, params: schema.Params) -> Learned:
    """Trains on the first batch until its Dice is WANTED or the epochs are over."""
    devices.configure_determinism(params.threads, params.train.deterministic)
    with contextlib.chdir(folder):
        data = read_fold(0, params.train.limit_images)
        data = replace(data, validation_ids=data.train_ids)
        assert len(data.train_ids) == params.train.batch_size, "the sample holds fewer training images than a batch"
        run = assemble(TrainKeys.of(params), data, torch.device("cpu"), {}).run
        started = time.monotonic()
        best = loop.fit(replace(run, stop=lambda history: max(map(run.score, history), default=0.0) >= WANTED))
    return Learned(params.model.name, len(run.progress.history), best.score, time.monotonic() - started)


def named(params: schema.Params, name: str, **changes: Any) -> schema.Params:
    """The same parameters with another model."""
    return params.model_copy(update={"model": params.model.model_copy(update={"name": name} | changes)})


def table(found: Iterable[Learned], tell: Callable[[str], object] = print) -> None:
    """A line an architecture, as each is done. Raises SystemExit that names those that did not learn."""
    tell(f"{'model.name':30}{'epochs':>8}{'Dice':>8}{'seconds':>9}")
    failed = []
    for row in found:
        tell(f"{row.name:30}{row.epochs:8}{row.dice:8.3f}{row.seconds:9.0f}")
        failed += [] if row.dice >= WANTED else [row.name]
    if failed:
        raise SystemExit(f"failed: no Dice of {WANTED} from {', '.join(failed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS, metavar="NAME", help="these only")
    parser.add_argument("--size", type=int, default=64, help="pixels, side of the images")
    parser.add_argument("--batch", type=int, default=8, help="images")
    parser.add_argument("--epochs", type=int, default=300, help="steps at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        params = sample(folder, settings(asked.size, asked.batch, asked.epochs))
        table((learn(folder, named(params, name)) for name in asked.models), lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
