"""Our params.yaml with a U-Net of random weights, as what tests vary: whatever starts the sample best, they do not feel it."""

from pathlib import Path
from typing import Any

import yaml

from segpipe.params import edit
from segpipe.params.schema import Params
from tests.structure.imports import ROOT

VALUES: dict[str, Any] = {
    "threads": 1,
    "augment.affine": 0.5,
    "augment.colour": 0.5,
    "input.normalise": "dataset",
    "model.name": "unet",
    "model.encoder": "resnet18",
    "model.weights": "none",
    "optim.lr": 0.002,
    "train.epochs": 25,
    "train.validate_every": 1,
}

TEXT = edit.edited((ROOT / "params.yaml").read_text(encoding="utf-8"), VALUES)[0]
PARAMS = Params.model_validate(yaml.safe_load(TEXT))


def write(folder: Path) -> None:
    """Writes the text as `params.yaml` of the folder."""
    (folder / "params.yaml").write_text(TEXT, encoding="utf-8")
