"""Whether a training can learn what it is given, found in seconds: one batch by heart, and masks that lie on what images show.

Each finding is a sentence that names the key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from segpipe import paths
from segpipe.dataset.loader import Batch
from segpipe.dataset.pack import pixel_columns
from segpipe.diagnostics.batch_picture import picture
from segpipe.diagnostics.mask_edges import FEWEST_PAIRS, EdgeFit, edge_fit
from segpipe.diagnostics.one_batch import Overfit
from segpipe.diagnostics.transfer import transfers
from segpipe.images.to_tensor import unit_values
from segpipe.models.segmenter import n_logits_for
from segpipe.params.stage_keys import SanityKeys
from segpipe.record import IGNORE
from segpipe.storage import files
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.out_of_memory import translate_out_of_memory
from segpipe.workflows.sanity_variants import LEARNED, NOTHING, learn, what_helps
from segpipe.workflows.train import prepare

N_BATCHES = 8
"""Of so many batches the one with the most classes is learned; all of them are asked whether masks fit."""
REVERSED = -0.05
"""A separation below this is no chance: what is predicted is what pixels are not."""
SMALLEST, LARGEST, FARTHEST = 0.02, 50.0, 10.0
"""Of the values that a network is given: the bounds of their deviation in a channel, and that of their mean, either way."""


@dataclass(frozen=True)
class Checked:
    """What was found, a line each; `problems` keep a training from learning, of `warnings` a person should know."""

    lines: list[str]
    warnings: list[str]
    problems: list[str]


def check(params: SanityKeys) -> Checked:
    """Checks the first fold's training, and writes pictures of a batch to data/sanity.

    Raises PipelineError where a step cannot be made at all: for want of memory, or of values to normalise over.
    """
    training = prepare(params, params.folds[0])
    if params.train.strategy != "single":
        # It may be trained, or that would have been an error. Noise would keep a batch from being learned by heart, a round has
        # batches of many sites, and what is asked is whether labels, loss and rate fit.
        params = params.model_copy(update={"train": params.train.model_copy(update={"strategy": "single"})})
        training = prepare(params, params.folds[0])
    with translate_norm_errors(), translate_out_of_memory(training, training.run):
        return _check(training, params)


def _check(training: Training, params: SanityKeys) -> Checked:
    batches = [_on_cpu(each) for each in islice(training.run.batches(0, 0), min(N_BATCHES, training.run.n_batches))]
    batch = max(batches, key=lambda each: len(_classes(each)))
    names = training.data.pack.info.classes
    files.write_bytes(paths.SANITY / "batch.png", picture(batch, None, len(names)))
    problems = [*_input_problems(training, batch)]
    warnings = [*_absent_classes(training), *_unseen_classes(training, batch)]
    fit = edge_fit([(each.image.numpy(), each.target.numpy()) for each in batches])
    if len(_classes(batch)) < 2:
        held = ", ".join(names[number] for number in _classes(batch)) or "nothing that is not ignored"
        told = f"the first {len(batches)} batches hold {held} alone: not checked whether classes are told apart and masks fit"
        return Checked([], [*warnings, f"{told}. augment.object_crop places crops on objects."], problems)
    learned = learn(training, params, batch)
    if len(learned.logits):
        files.write_bytes(paths.SANITY / "prediction.png", picture(batch, learned.logits, len(names)))
    problems += _learning_problems(training, params, batch, learned)
    warnings += _slow(learned)
    problems += [] if problems else _mask_problems(training, params, fit)
    return Checked([*_lines(training, batch, learned, fit)], warnings, problems)


def _lines(training: Training, batch: Batch, learned: Overfit, fit: EdgeFit | None) -> Iterator[str]:
    images = f"one batch of {len(batch.ids)} images"
    if learned.losses:
        yield f"{images}: loss {learned.losses[0]:.3f} to {learned.losses[-1]:.3f} in {len(learned.losses)} steps"
        yield f"its classes are told apart by {learned.reached:.2f} (0 not at all, 1 perfectly; {LEARNED} is asked for)"
    if fit:
        difference = f"at those of other images' masks {fit.other:.2f}, {fit.z:.1f} standard errors less"
        yield f"edges of the images at the borders of their own masks: rank {fit.own:.2f} of 1; {difference}"
    else:
        yield f"not checked whether masks fit the images: fewer than {FEWEST_PAIRS} of the first batches have borders that tell"


def _on_cpu(batch: Batch) -> Batch:
    return Batch(batch.ids, batch.image.cpu(), batch.target.cpu())


def _classes(batch: Batch) -> list[int]:
    return [number for number in batch.target.unique().tolist() if number != IGNORE]


def _absent_classes(training: Training) -> Iterator[str]:
    data = training.data
    pixels = data.pack.index.loc[data.train_ids, pixel_columns(data.pack.info)].sum().to_numpy()
    absent = [name for name, count in zip(data.pack.info.classes, pixels, strict=True) if not count]
    if absent:
        yield (
            f"no training image of fold {data.fold} has a pixel of {', '.join(absent)}: "
            "no model can learn it. Take it out of the classes, or look at what became of its masks (data/doctor)."
        )


def _unseen_classes(training: Training, batch: Batch) -> Iterator[str]:
    """Classes whose pixels give the loss no gradient, whatever is predicted there."""
    names = training.data.pack.info.classes
    images, *size = batch.target.shape
    # Random ones: where all are alike, a loss that sorts its errors gives the last of them none.
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(images, n_logits_for(len(names)), *size, generator=generator).requires_grad_()
    training.loss(logits, batch.target)["loss"].sum().backward()
    assert logits.grad is not None
    felt = logits.grad.abs().amax(dim=1)
    unseen = [names[number] for number in _classes(batch) if not felt[batch.target == number].any()]
    if unseen:
        yield f"the loss has no gradient in the pixels of {', '.join(unseen)}, so nothing is learned from them (loss.weights)."


def _input_problems(training: Training, batch: Batch) -> Iterator[str]:
    if all(float(image.amax() - image.amin()) == 0 for image in unit_values(batch.image)):
        yield "each image of the batch has one value only, so there is nothing to see in it: look at the images, and at input."
        return
    rule = training.params.input.normalise
    other = "percentile" if rule == "dataset" else "dataset"
    means, deviations = _given(training, batch)
    for channel, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
        if not SMALLEST <= deviation <= LARGEST or abs(mean) > FARTHEST:
            yield (
                f"input.normalise: {rule} gives the network values of mean {mean:.3g} and deviation {deviation:.3g} in channel "
                f"{channel}, where networks learn from about 0 and 1. Write {other}."
            )
            return


@torch.no_grad()
def _given(training: Training, batch: Batch) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel of what the network is given."""
    seen: list[Tensor] = []
    handle = training.segmenter.network.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    training.segmenter.eval()
    training.segmenter(unit_values(batch.image.to(training.device)))
    handle.remove()
    values = seen[0].float().transpose(0, 1).flatten(1)
    return values.mean(dim=1).tolist(), values.std(dim=1).tolist()


def _learning_problems(training: Training, params: SanityKeys, batch: Batch, learned: Overfit) -> list[str]:
    if learned.reached >= NOTHING and not learned.error:
        return []
    if not learned.error and not learned.moved:
        return ["no weight of the network moves: everything is frozen, or optim.lr is too small to change a digit of them."]
    if not learned.error and learned.reached < REVERSED and learned.losses[-1] < learned.losses[0]:
        return [
            f"the loss falls from {learned.losses[0]:.3g} to {learned.losses[-1]:.3g} while pixels are predicted as what they "
            f"are not (separation {learned.reached:.2f}): its sign is wrong. Look at loss.name {params.loss.name}."
        ]
    told_apart = f"its classes are told apart by {learned.reached:.2f} of 1 after {len(learned.losses)} steps"
    how = learned.error.split(". ")[0] if learned.error else told_apart
    return [f"one batch is not learned: {how}. {what_helps(training, params, batch)}"]


def _slow(learned: Overfit) -> Iterator[str]:
    if NOTHING <= learned.reached < LEARNED and not learned.error:
        yield (
            f"one batch is learned slowly: its classes are told apart by {learned.reached:.2f} of 1 after "
            f"{len(learned.losses)} steps. If the training does not get on, raise optim.lr."
        )


def _mask_problems(training: Training, params: SanityKeys, fit: EdgeFit | None) -> list[str]:
    """Where edges do not show that masks fit, a network has the last word: is what it learns from some images true of others?"""
    if fit is None or fit.fits or _transfers(training, params):
        return []
    cause = (
        "They belong to other images, or are shifted, turned or mirrored against them."
        if params.augment.synchronised
        else "That is what augment.synchronised: false does. Write true."
    )
    return [
        f"the masks do not lie on what the images show: in {fit.images} images the edges at their own masks' borders are no "
        f"stronger than at those of other images' masks (rank {fit.own:.2f} and {fit.other:.2f}), and what is learned from some "
        f"images holds for no other. {cause}"
    ]


def _transfers(training: Training, params: SanityKeys) -> bool:
    fresh = assemble(params, training.data, training.device, training.card.training["versions"])
    return transfers(fresh.run, fresh.params.optim.lr, 2 * params.sanity.steps)
