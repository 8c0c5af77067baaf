"""train.strategy private, from params.yaml: what is a unit of privacy, how much noise, what is refused, what the card says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from segpipe.dataset.poisson_batches import PoissonBatches
from segpipe.errors import PipelineError
from segpipe.params.schema import takes_weights
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility import unrecorded
from segpipe.training import loop, monitored_score, private
from segpipe.training.private import Mechanism
from segpipe.workflows.strategy_parts import Parts
from segpipe.workflows.training_data import TrainingData

PRIVACY = "privacy"
"""The card's entry."""
NOT_COVERED = (
    "losses of training images (history.csv, the console, logs, MLflow), and how large batches were (images per second)",
    "scores and pictures of validation and test images, and all of the report",
    "models of other folds, trained on many of the same images: who publishes several adds up their epsilon",
    "the hashes of data and folds in this card: who has all other images can tell by them whether one was there",
    "choices that people made by looking at results: learning rate, epochs, model",
)
"""What of a training the guarantee does not speak of."""


def resolve(params: TrainKeys) -> TrainKeys:
    """The parameters with group in place of batch normalisation. Raises PipelineError for images drawn by their classes."""
    if params.augment.rare_classes:
        raise PipelineError(
            f"train.strategy: private, but augment.rare_classes is {params.augment.rare_classes:g} (augment.preset: "
            f"{params.augment.preset}), which draws images by what private masks hold. Write augment.rare_classes 0, and "
            "custom in place of a preset that has another."
        )
    norm = "group" if params.model.norm == "batch" else params.model.norm
    return params.model_copy(update={"model": params.model.model_copy(update={"norm": norm})})


def prepare(run: loop.Run, params: TrainKeys, data: TrainingData, parts: Parts) -> loop.Run:
    """The private run.

    Its last epoch is kept, so that private validation images choose nothing. Raises PipelineError where the budget is too small
    for an epoch.
    """
    dp, mechanism, n_units = params.dp, _mechanism(params, data), len(units(data))
    if params.train.batch_size > n_units:
        raise PipelineError(
            f"train.strategy: private, but a batch of {params.train.batch_size} (train.batch_size) is more than the {n_units} "
            f"{_unit(data)}s, of which each is in it once at most. Write {n_units} or fewer."
        )
    if dp.target_delta * n_units >= 1:
        raise PipelineError(
            f"dp.target_delta: {dp.target_delta:g} is 1 of {n_units} {_unit(data)}s or more, so one of them might be told whole. "
            f"Write less than {1 / n_units:.2g}."
        )
    epochs = mechanism.affordable(dp.target_epsilon, run.epochs)
    if not epochs:
        raise PipelineError(
            f"dp.target_epsilon: {dp.target_epsilon:g} does not last for an epoch, which spends {mechanism.epsilon(1):.3g}. "
            "Raise dp.noise_multiplier, or write 0 there, by which it is chosen."
        )

    def draw(epoch: int, batch: int) -> Any:
        return unrecorded.generator(dp.test_seed, data.fold, epoch, batch, "sample")

    sampled = parts.batches(PoissonBatches(units(data), mechanism.rate, mechanism.steps, draw))
    drawn = replace(run, batches=sampled, epochs=epochs, score=monitored_score.latest)
    part_size = -(-params.train.batch_size // params.train.accumulate)
    own = parts.encoder if takes_weights(params.model) else None
    made = private.prepare(
        drawn, parts.network, own, mechanism, dp.max_grad_norm, params.train.batch_size, part_size, dp.test_seed
    )
    private.require_own_gradients(made, data.pack.info.channels, params.input.crop)
    return made


def units(data: TrainingData) -> list[list[str]]:
    """The training images of each unit of privacy: those of a group together, where the data has groups."""
    found: dict[tuple[str, str], list[str]] = {}
    for item_id, group in data.pack.index.loc[data.train_ids, "group"].items():
        # An image without a group is one of its own, whatever groups are called.
        found.setdefault(("group", group) if group else ("image", str(item_id)), []).append(str(item_id))
    return [*found.values()]


def record(params: TrainKeys, data: TrainingData) -> dict[str, Any]:
    """The card's entry before the training, by PRIVACY."""
    dp, mechanism = params.dp, _mechanism(params, data)
    entry = {
        "unit": _unit(data),
        "units": len(units(data)),
        "sampling": "Poisson",
        "rate": mechanism.rate,
        "steps_per_epoch": mechanism.steps,
        "noise_multiplier": mechanism.noise,
        "max_grad_norm": dp.max_grad_norm,
        "delta": mechanism.delta,
        "guarantee": dp.test_seed < 0,
        "not_covered": [*NOT_COVERED],
    }
    return {PRIVACY: entry}


def spent(training: Mapping[str, Any], history: Sequence[loop.Record]) -> dict[str, Any]:
    """The card's entry after the epochs of a history, with the epsilon that they spent; nothing where it was not private."""
    if PRIVACY not in training:
        return {}
    return {PRIVACY: training[PRIVACY] | {"epsilon": history[-1]["epsilon"]}}


def notes(training: Mapping[str, Any], epochs: int) -> list[str]:
    """What a person should know before the training starts; `training` is that of its card, `epochs` how many it has."""
    if PRIVACY not in training:
        return []
    entry = training[PRIVACY]
    mechanism = Mechanism(entry["noise_multiplier"], entry["rate"], entry["steps_per_epoch"], entry["delta"])
    wanted = training["params"]["train"]["epochs"]
    lines = [
        f"private: noise {mechanism.noise:g} times the clipped norm {entry['max_grad_norm']:g}; each of {entry['units']} "
        f"{entry['unit']}s is in a batch with the probability {mechanism.rate:.3g}; {epochs} epochs spend epsilon "
        f"{mechanism.epsilon(epochs):.3g} at delta {mechanism.delta:g}",
        "private: normalisation is by groups, an encoder's batch normalisation stays as it came, the last epoch is kept",
    ]
    if epochs < wanted:
        lines.append(f"private: dp.target_epsilon lasts for {epochs} of {wanted} epochs; write train.epochs {epochs}")
    if not entry["guarantee"]:
        lines.append("private: NO GUARANTEE, since dp.test_seed lets anyone draw the noise again; write -1 to publish")
    return lines


def _mechanism(params: TrainKeys, data: TrainingData) -> Mechanism:
    """The noise is given, or such that all epochs spend no more than the target."""
    dp, train = params.dp, params.train
    rate, steps = min(1.0, train.batch_size / len(units(data))), -(-len(data.train_ids) // train.batch_size)
    noise = dp.noise_multiplier or private.noise_for(dp.target_epsilon, rate, steps * train.epochs, dp.target_delta)
    return Mechanism(noise, rate, steps, dp.target_delta)


def _unit(data: TrainingData) -> str:
    return "group" if data.pack.index.loc[data.train_ids, "group"].any() else "image"
