"""Differentially private training (DP-SGD, Abadi et al. 2016, arXiv:1607.00133), with Opacus."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.optimizers import DPOptimizer

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.reproducibility.seeds import seed_of
from segpipe.training.accumulate import share_of_mean
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import ImageLosses, Record, Run, compute_losses


def prepare(run: Run, clip: float, noise: float, batch_size: int, delta: float, budget: float) -> Run:
    """The run with the gradient of each image clipped to the norm `clip`, and normal noise of `noise` times that in their sum.

    The sum is divided by `batch_size`, however many images a batch has. The record's `epsilon` is what the epochs so far
    spent at this `delta`, each image being once in an epoch; the training ends where another would spend more than `budget`.
    Raises PipelineError where the first one would.
    """
    if epsilon(1, noise, delta) > budget:
        raise PipelineError(f"the first epoch spends {epsilon(1, noise, delta):.2f} of the budget of {budget}. Raise the noise.")
    for module in run.model.modules():
        # What writes over its input would spoil what the gradients of single images are made of.
        if hasattr(module, "inplace"):
            module.inplace = False
    # Opacus's own gradients of convolutions (1.6) are wrong, without a word, where their input lies channels last.
    model = GradSampleModule(run.model, loss_reduction="sum", force_functorch=True)
    generator = torch.Generator(run.device)
    optimizer = DPOptimizer(
        run.optimizer, noise_multiplier=noise, max_grad_norm=clip, expected_batch_size=batch_size, generator=generator
    )

    def backward(trained: Run, batch: Batch) -> ImageLosses:
        optimizer.zero_grad(set_to_none=True)
        losses, counted = compute_losses(trained, batch), counted_images(batch.target)
        # A sum: the optimizer divides by `batch_size`.
        share_of_mean(losses["loss"], counted, 1).backward()
        return losses, counted

    def step() -> None:
        # Repeatable, as a test has to be; what is to stay private needs a seed that is in no file.
        generator.manual_seed(seed_of(run.seed, run.fold, run.progress.epoch, run.progress.batch, "noise"))
        optimizer.step()

    def validate(trained: Run, record: Record) -> Record:
        return run.validate(trained, record) | {"epsilon": epsilon(len(run.progress.history) + 1, noise, delta)}

    def stop(history: Sequence[Record]) -> bool:
        return run.stop(history) or epsilon(len(history) + 1, noise, delta) > budget

    return replace(run, model=model, optimizer=optimizer, backward=backward, step=step, validate=validate, stop=stop)


def epsilon(epochs: int, noise: float, delta: float) -> float:
    """What so many epochs spend. The batches of one have no image in common, so all of them spend what a single one does."""
    accountant = RDPAccountant()
    accountant.history = [(noise, 1.0, epochs)]
    return accountant.get_epsilon(delta)
