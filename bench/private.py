"""What privacy costs and what it hides: Dice of the sample at four noise levels, and who can be told to have been trained on.

Run in the repository: python bench/private.py

Trains a small U-Net with group normalisation on the sample, its objects as one class, on a CPU in a quarter of an hour, and
prints the tables of docs/explanation/private.md. The noise follows from dp.test_seed, so that the tables can be printed again.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sample_project import project

from segpipe.dataset import loader
from segpipe.inference.scoring import score_images
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows.assemble import Training
from segpipe.workflows.train import prepare

NOISES = (0.5, 1.0, 2.0, 4.0)
COMMON: dict[str, Any] = {
    "threads": 1,
    "data.sample.size": 64,
    "data.class_map": dict.fromkeys(("turtle", "starfish", "snail"), "fish"),
    "split.n_folds": 2,
    "input.crop": 64,
    "model.name": "unet",
    "model.width": 8,
    "model.depth": 2,
    "model.norm": "group",
    "model.weights": "none",
    "train.validate_every": 1000,
    "sanity.steps": 0,
    "dp.target_epsilon": 0.0,
    "dp.test_seed": 0,
    "runtime.device": "cpu",
    "runtime.workers": 1,
}
UTILITY = COMMON | {
    "data.sample.n_images": 1000,
    "augment.affine": 0.0,
    "augment.colour": 0.0,
    "train.epochs": 12,
    "train.batch_size": 100,
    "optim.lr": 0.01,
    "dp.max_grad_norm": 0.5,
}
"""Large batches: the noise is added once a batch, and so weighs less. Little augmentation, which few steps have no use for."""
BY_HEART = COMMON | {
    "data.sample.n_images": 200,
    "augment.preset": "plain",
    "train.epochs": 100,
    "train.batch_size": 10,
    "optim.lr": 0.005,
    "dp.max_grad_norm": 0.5,
    "train.limit_images": 40,
}
"""Few images, each seen in the same way over and over: what a network learns by heart, if it is let."""


def main() -> None:
    torch.set_num_threads(1)
    os.environ["MLFLOW_TRACKING_URI"] = "nowhere://"
    print(f"Utility\n\n{head('validation Dice')}", flush=True)
    with project(UTILITY):
        for noise in (None, *NOISES):
            training, history = trained(noise)
            print(f"{row(noise, history)} {history[-1]['val_dice']:.2f} |", flush=True)
    print(f"\nMembership\n\n{head('loss of trained images', 'of others', 'told apart (AUC)')}", flush=True)
    with project(BY_HEART):
        for noise in (None, *NOISES):
            training, history = trained(noise)
            members, others = (losses(training, ids) for ids in (training.data.train_ids, training.data.validation_ids))
            found = f"{members.mean():.3f} | {others.mean():.3f} | {told_apart(members, others):.2f}"
            print(f"{row(noise, history)} {found} |", flush=True)


def trained(noise: float | None) -> tuple[Training, list[loop.Record]]:
    """The project's training with so much noise, None for a plain one; and what it found."""
    params = TrainKeys.of(load_params())
    if noise is not None:
        private = {"noise_multiplier": noise}
        params = params.model_copy(
            update={
                "train": params.train.model_copy(update={"strategy": "private"}),
                "dp": params.dp.model_copy(update=private),
            }
        )
    training = prepare(params, 0)
    loop.fit(training.run)
    return training, training.run.progress.history


def head(*columns: str) -> str:
    names = ("noise", "epsilon at delta 0.001", *columns)
    return f"| {' | '.join(names)} |\n{'|---' * len(names)}|"


def row(noise: float | None, history: Sequence[loop.Record]) -> str:
    return "| not private | infinite |" if noise is None else f"| {noise:g} | {history[-1]['epsilon']:.2f} |"


def losses(training: Training, ids: Sequence[str]) -> NDArray[np.float64]:
    """The loss of each image as a whole."""
    params, info = training.params, training.data.pack.info
    images = loader.whole_image_loader(loader.WholeImages(training.data.pack, ids), 0)
    segmenter = training.segmenter.eval()
    scored = score_images(segmenter, images, len(info.classes), training.loss, params.infer, 0, training.device)
    return np.array([each.losses["loss"] for each in scored], np.float64)


def told_apart(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """How often an image that was trained on has a smaller loss than one that was not: 0.5 is chance, 1 is always.

    The attack by loss (Yeom et al. 2018, arXiv:1709.01604), at every threshold.
    """
    return float((members[:, None] < others[None]).mean())


if __name__ == "__main__":
    sys.exit(main())
