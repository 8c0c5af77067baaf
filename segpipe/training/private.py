"""Differentially private training (DP-SGD, Abadi et al. 2016, arXiv:1607.00133), with Opacus; the only file that imports it."""

import contextlib
import functools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # above BatchNorm1d, 2d and 3d; it has no public name

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.reproducibility import unrecorded
from segpipe.training.accumulate import cut, joined, share_of_mean
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import ImageLosses, Record, Run, compute_losses
from segpipe.training.not_finite import NotFiniteError

ALIKE = 1e-2
"""Largest distance of an image's gradient from the same one computed alone, as a share of its norm."""
HOOKS, OPACUS_HOOKS = "hooks_of_own_gradients", "autograd_grad_sample_hooks"
"""Where a network and its model hold what takes the gradients of single images."""
FINE = 400
"""The accountant's error is a share of 1 / FINE of epsilon at most, and 0.01."""


@dataclass(frozen=True)
class Mechanism:
    """Each of `steps` steps an epoch sums the clipped gradients of units drawn with the probability `rate`, and adds noise.

    The noise is normal, with the deviation `noise` times the norm to which gradients are clipped.
    """

    noise: float
    rate: float
    steps: int
    delta: float

    def epsilon(self, epochs: int) -> float:
        """What so many epochs spend at this delta, an upper bound; infinite without noise."""
        return _epsilon(self.noise, self.rate, self.steps * epochs, self.delta) if epochs else 0.0

    def affordable(self, target: float, most: int) -> int:
        """How many epochs, `most` at most, spend no more than the target; all where it is 0."""
        if not target or self.epsilon(most) <= target:
            return most
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.epsilon(middle) <= target else (low, middle)
        return low


def noise_for(target: float, rate: float, steps: int, delta: float) -> float:
    """The least noise, rounded up to 4 digits behind the point, by which so many steps spend no more than the target."""
    return _noise_for(target, rate, steps, delta)


def prepare(
    run: Run,
    network: nn.Module,
    encoder: nn.Module | None,
    mechanism: Mechanism,
    clip: float,
    batch_size: int,
    part_size: int,
    test_seed: int,
) -> Run:
    """The run with the gradient of each image clipped to the norm `clip`, and noise in their sum.

    `network` is what learns of `run.model`, and `encoder` the part of it that came with weights, if any, whose batch
    normalisation stays as it came. The sum is divided by `batch_size`, however many images a batch has, and computed of
    `part_size` images at once. The record's `epsilon` is what the epochs so far have spent. Raises PipelineError where single
    images have no gradient of their own in the network.
    """
    opacus = _opacus()
    frozen = _frozen_norms(network, encoder)
    model = _with_own_gradients(opacus, run.model, network)
    optimizer = opacus.optimizers.DPOptimizer(
        # Clips and divides. The noise is ours, added by the hook, which is called before the plain optimizer's step.
        run.optimizer,
        noise_multiplier=0.0,
        max_grad_norm=clip,
        expected_batch_size=batch_size,
    )
    optimizer.attach_step_hook(lambda _: _add_noise(run, optimizer, mechanism.noise * clip / batch_size, test_seed))

    def at_epoch(epoch: float) -> None:
        run.at_epoch(epoch)
        _rest(frozen)

    def backward(trained: Run, batch: Batch) -> ImageLosses:
        counted = counted_images(batch.target)
        optimizer.zero_grad(set_to_none=True)
        # Dropout draws for places in a batch, which would tell who else is in it if it could be drawn again.
        torch.manual_seed(int(_generator(run, test_seed, "dropout").integers(2**63)))
        found = []
        for part, is_last in _parts(batch, part_size):
            losses = compute_losses(trained, part)
            # A sum: the optimizer divides.
            _backward(share_of_mean(losses["loss"], counted_images(part.target), 1))
            found.append({name: values.detach() for name, values in losses.items()})
            if not is_last:
                optimizer.signal_skip_step()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        if not bool(counted.any()):
            # The loop makes no step of a batch in which nothing counts; here a step left out would tell that.
            _clear(optimizer)
            optimizer.step()
        return joined(found) if found else {"loss": torch.zeros(0)}, counted

    def validate(trained: Run, record: Record) -> Record:
        return run.validate(trained, record) | {"epsilon": mechanism.epsilon(run.progress.epoch + 1)}

    return replace(
        run, model=model, optimizer=optimizer, at_epoch=at_epoch, backward=backward, step=optimizer.step, validate=validate
    )


def require_own_gradients(run: Run, channels: int, size: int) -> None:
    """Raises PipelineError where the gradients of two images of random numbers are not those that each has alone.

    `run` is what `prepare` made. Its network and loss are tried in float32, as in the last epoch but for dropout.
    """
    model: Any = run.model.train()
    run.at_epoch(run.epochs - 1.0)
    for module in model.modules():
        if not [*module.parameters()]:
            module.eval()
    random = torch.Generator().manual_seed(0)
    images = torch.rand(2, channels, size, size, generator=random).to(run.device, memory_format=torch.channels_last)
    # Classes that there are in any data.
    targets = torch.randint(0, 2, (2, size, size), generator=random).to(run.device)
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    run.optimizer.zero_grad(set_to_none=True)
    try:
        _backward(run.loss(model(images), targets)["loss"].sum())
        together = [_flat([weight.grad_sample[number] for weight in learning]) for number in range(2)]
        alone = [_alone(run, model, learning, images[number, None], targets[number, None]) for number in range(2)]
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise _refusal(str(error)) from None
    for own, wanted in zip(together, alone, strict=True):
        if not float((own - wanted).norm()) <= ALIKE * float(wanted.norm()):
            raise _refusal("that of an image depends on which others are in its batch, or is computed wrongly")
    run.optimizer.zero_grad(set_to_none=True)


def _parts(batch: Batch, size: int) -> Iterator[tuple[Batch, bool]]:
    """The batch in parts of so many images at most, and whether each is the last."""
    count = -(-len(batch.ids) // size)
    return ((part, number == count) for number, part in enumerate(cut(batch, count), 1)) if count else iter(())


def _backward(loss: Tensor) -> None:
    with _quiet():
        loss.backward()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of a network whose input needs no gradient, as an image does not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        yield


def _add_noise(run: Run, optimizer: Any, deviation: float, test_seed: int) -> None:
    """Adds noise to the gradients that are clipped, summed and divided. Raises NotFiniteError where they are not finite."""
    random = _generator(run, test_seed, "noise")
    if not bool(torch.stack([weight.grad.norm() for weight in optimizer.params]).isfinite().all()):
        raise NotFiniteError(
            "gradient",
            "a gradient is not a finite number, so the optimizer was not let near the weights. "
            "Lower optim.lr, or set train.precision to fp32.",
        )
    for weight in optimizer.params:
        noise = torch.from_numpy(random.standard_normal(tuple(weight.shape)))
        weight.grad += (deviation * noise).to(weight)


def _generator(run: Run, test_seed: int, what: str) -> Any:
    return unrecorded.generator(test_seed, run.fold, run.progress.epoch, run.progress.batch, what)


def _clear(optimizer: Any) -> None:
    """Gradients of no image: what is left of a step is its noise."""
    for weight in optimizer.params:
        weight.grad_sample = weight.new_zeros((0, *weight.shape))


def _frozen_norms(network: nn.Module, encoder: nn.Module | None) -> list[_BatchNorm]:
    """The encoder's batch normalisation, at rest. Raises PipelineError for any other: its statistics are of whole batches."""
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    inside = {id(module) for module in encoder.modules()} if encoder else set()
    if others := [name for name, module in norms.items() if id(module) not in inside]:
        raise PipelineError(
            f"train.strategy: private, but the network has batch normalisation ({others[0]}), which mixes the images of a batch, "
            "and came with no statistics that could be kept. Write a model.name that reads model.norm, such as unet, or bring "
            "weights by model.weights."
        )
    found = [*norms.values()]
    _rest(found)
    return found


def _rest(norms: list[_BatchNorm]) -> None:
    """Normalises by the statistics that it came with, and neither scale nor shift learn: Opacus takes no layer with buffers."""
    for norm in norms:
        norm.eval().requires_grad_(False)


def _with_own_gradients(opacus: Any, model: nn.Module, network: nn.Module) -> nn.Module:
    """The model, which gives each weight of the network the gradient of each image."""
    for module in network.modules():
        # What writes over its input would spoil what the gradients of single images are made of.
        if hasattr(module, "inplace"):
            vars(module)["inplace"] = False
    # Those of an earlier run of the same network, which this one takes the place of.
    for handle in vars(network).pop(HOOKS, ()):
        handle.remove()
    vars(model).pop(OPACUS_HOOKS, None)
    try:
        # Opacus's own gradients of convolutions (1.6) are wrong, without a word, where their input lies channels last.
        wrapped: nn.Module = opacus.GradSampleModule(model, loss_reduction="sum", force_functorch=True)
    except NotImplementedError as error:
        raise _refusal(str(error)) from None
    vars(network)[HOOKS] = [*vars(model)[OPACUS_HOOKS]]
    return wrapped


def _alone(run: Run, model: Any, learning: list[nn.Parameter], image: Tensor, target: Tensor) -> Tensor:
    """The gradient of one image, as torch computes it."""
    model.disable_hooks()
    loss = run.loss(model(image), target)["loss"].sum()
    with _quiet():
        gradients = torch.autograd.grad(loss, learning)
    model.enable_hooks()
    return _flat(gradients)


def _flat(gradients: Any) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _refusal(reason: str) -> PipelineError:
    return PipelineError(
        "train.strategy: private, but Opacus cannot take the gradients of single images in this network "
        f"({reason.splitlines()[0] if reason else 'no reason given'}). Write another model.name, such as unet."
    )


@functools.cache
def _epsilon(noise: float, rate: float, steps: int, delta: float) -> float:
    """By numerical composition (Gopi et al. 2021, arXiv:2106.02848), which is tight where Renyi divergences are 10 % above."""
    if not noise:
        return math.inf
    _opacus()
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(noise, rate, steps)]
    # Where each step has all images it takes the logarithm of 0, to leave it out after. Its first guess of how far to compute is
    # by Renyi divergences, which warn of themselves.
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the")
        rough = float(accountant.get_epsilon(delta))
        return rough if rough > 0.01 * FINE else float(accountant.get_epsilon(delta, eps_error=max(rough / FINE, 1e-4)))


@functools.cache
def _noise_for(target: float, rate: float, steps: int, delta: float) -> float:
    def spent(noise: float) -> float:
        return _epsilon(noise, rate, steps, delta)

    high = 1.0
    while spent(high) > target:
        high *= 2
    low = high / 2
    # Smaller noise is not tried before larger: it takes the accountant longest.
    while spent(low) <= target:
        low, high = low / 2, low
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if spent(middle) <= target else (middle, high)
    return math.ceil(high * 1e4) / 1e4


def _opacus() -> Any:
    """Imported here, since it is an extra, and takes seconds. Raises PipelineError where it is not installed."""
    try:
        import opacus
        import opacus.optimizers
    except ImportError as error:
        raise PipelineError(
            f"train.strategy: private needs the library Opacus ({error}). `pip install -r requirements.lock` brings it."
        ) from None
    return opacus
