"""What a model file says of itself, with all that decided its weights; the fingerprint is a hash of that."""

import platform
from collections.abc import Sequence

import torch

from segpipe.models.model_file import Card
from segpipe.params.stage_keys import NEVER_A_RESULT, TrainKeys
from segpipe.reproducibility import code_hash
from segpipe.reproducibility.fingerprint import fingerprint
from segpipe.training.device import instruction_set
from segpipe.workflows.training_data import TrainingData

CODE = "segpipe.workflows.train"
"""Whose code, with all that it imports, is in a training's fingerprint."""


def model_card(
    params: TrainKeys,
    data: TrainingData,
    device: torch.device,
    installed: dict[str, str],
    class_weights: Sequence[float],
    weights_sha256: str | None,
) -> Card:
    """The card before the training: `params` with its presets resolved, the versions `installed`, the weights of the classes.

    `weights_sha256` is that of the weights which the encoder was given, if any.
    """
    info, model = data.pack.info, params.model
    # The path of a file of weights differs between machines; its hash does not.
    named = model.weights if model.weights == "imagenet" else weights_sha256
    recorded = params.model_copy(update={"model": model.model_copy(update={"weights": named if weights_sha256 else "none"})})
    modules = [CODE, f"segpipe.models.{model.name}", f"segpipe.losses.{params.loss.name}"]
    training = {
        "params": recorded.model_dump(exclude=NEVER_A_RESULT, mode="json"),
        "encoder_weights": weights_sha256,
        "class_weights": list(class_weights),
        "data": data.data_hash,
        "folds": data.folds_hash,
        "code": code_hash.code_hash(code_hash.ROOTS, modules),
        "versions": installed,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "device": device.type,
        "instruction_set": instruction_set(params.train.precision),
    }
    return Card(
        classes=info.classes,
        has_background=info.has_background,
        channels=info.channels,
        bits=info.bits,
        long_side=params.input.long_side,
        # Prediction has the trained weights, and needs none to start from.
        model=model.model_copy(update={"weights": "none", "weights_sha256": "none"}),
        infer=params.infer,
        fingerprint=fingerprint(training | {"fold": data.fold}),
        fold=data.fold,
        training=training,
    )
