"""One training in several processes, to the bytes of one: they share the parts of each batch (train.accumulate).

Every process has the whole network and makes every step. What a part gives, its losses, gradient and statistics, is sent to all,
and all add it up in the order of the parts, as one process does that computes them one after another. So neither sums nor batch
statistics depend on how many processes there are, and a training may go on with another number of them. It costs more than the
mean of gradients that torch's DistributedDataParallel takes: every process receives every part's gradient.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm  # above BatchNorm1d, 2d and 3d; it has no public name

from segpipe.dataset.loader import Batch, part_sizes
from segpipe.losses.table import Losses
from segpipe.training import part_statistics
from segpipe.training.accumulate import gradient_of_part, joined, seed_dropout
from segpipe.training.counted_images import counted_images
from segpipe.training.loop import ImageLosses, Run
from segpipe.training.precision import Scaler
from segpipe.training.validate import Scored, Scorer


@dataclass(frozen=True)
class Group:
    """Which of how many processes this is; torch.distributed has them connected where there are several."""

    rank: int
    world: int

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all, by rank; theirs have the same shape and type."""
        found = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(found, tensor.contiguous())
        return found

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            dist.barrier()


ALONE = Group(0, 1)


@dataclass(frozen=True)
class _Part:
    """What a part gives: the gradient of each weight, None where it has none, as where none of the part's images counts."""

    losses: Losses
    counted: Tensor
    gradients: list[Tensor | None]
    statistics: list[Tensor]


def backward(parts: int, scaling: Scaler, network: nn.Module, group: Group) -> Callable[[Run, Batch], ImageLosses]:
    """A `Run.backward` for a process that is given its own parts of each batch, and the ids of the whole (`whole_ids`).

    The number of parts is a multiple of that of the processes. Losses are those of the whole batch, in its order.
    """

    def of_batch(run: Run, batch: Batch) -> ImageLosses:
        sizes = part_sizes(len(batch.ids), parts)
        images = _images_of_all(batch, group)
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        norms = part_statistics.learning_norms(network)
        done: list[_Part] = []
        total: list[Tensor | None] = [None] * len(weights)
        for number, part in zip(range(group.rank, parts, group.world), _own(batch, sizes, group), strict=True):
            own = _compute(run, part, number, images, scaling, weights, norms)
            start = number - group.rank
            for each in _exchange(own, sizes[start : start + group.world], weights, group):
                done.append(each)
                total = [_sum(before, more) for before, more in zip(total, each.gradients, strict=True)]
        part_statistics.apply(norms, [each.statistics for each in done])
        run.optimizer.zero_grad(set_to_none=True)
        for weight, gradient in zip(weights, total, strict=True):
            weight.grad = gradient
        return joined([each.losses for each in done]), torch.cat([each.counted for each in done])

    return of_batch


def whole_ids(own: Iterator[Batch], keys: Iterator[list[tuple[int, str, int]]]) -> Iterator[Batch]:
    """The batches of a process with the ids of the whole batches, whose `keys` come in the same order."""
    for batch, whole in zip(own, keys, strict=True):
        yield replace(batch, ids=tuple(item for _, item, _ in whole))


def shared(score: Scorer, group: Group) -> Scorer:
    """Scores images as `score` does, each process a share of them; all get all."""

    def of_all(ids: Sequence[str]) -> Sequence[Scored]:
        found: list[list[Scored]] = [[] for _ in range(group.world)]
        # Pickled, but by our own processes for our own: nothing is read from a file or sent elsewhere.
        dist.all_gather_object(found, list(score(ids[group.rank :: group.world])))
        by_id = {each.id: each for some in found for each in some}
        return [by_id[item] for item in ids]

    return of_all


def _images_of_all(batch: Batch, group: Group) -> int:
    """How many images of the whole batch count."""
    return int(torch.stack(group.gather(counted_images(batch.target).sum())).sum())


def _own(batch: Batch, sizes: Sequence[int], group: Group) -> Iterator[Batch]:
    start = 0
    for size in sizes[group.rank :: group.world]:
        rows = slice(start, start + size)
        # Without ids: those of the batch are the whole batch's.
        yield Batch((), batch.image[rows], batch.target[rows])
        start += size


def _compute(
    run: Run, part: Batch, number: int, images: int, scaling: Scaler, weights: list[nn.Parameter], norms: list[_BatchNorm]
) -> _Part:
    run.optimizer.zero_grad(set_to_none=True)
    seed_dropout(run, number)
    with part_statistics.observed(norms) as seen:
        losses = gradient_of_part(run, part, images, scaling)
    # Where the losses are: targets may still lie in memory.
    counted = counted_images(part.target).to(run.device)
    return _Part(losses, counted, [weight.grad for weight in weights], seen)


def _exchange(own: _Part, sizes: Sequence[int], weights: list[nn.Parameter], group: Group) -> list[_Part]:
    """The parts of all processes, of these sizes, by rank; each process has sent its own."""
    device = own.counted.device
    # Doubles hold each loss exactly. Parts differ by an image in size.
    rows = torch.zeros(len(own.losses) + 1, max(sizes), dtype=torch.float64, device=device)
    rows[:, : len(own.counted)] = torch.stack([*(values.double() for values in own.losses.values()), own.counted.double()])
    has = torch.tensor([gradient is not None for gradient in own.gradients], dtype=torch.uint8, device=device)
    gradients = [torch.zeros_like(weight) if each is None else each for each, weight in zip(own.gradients, weights, strict=True)]
    numbers = torch.cat([tensor.detach().reshape(-1) for tensor in (*own.statistics, *gradients)])
    gathered = zip(sizes, group.gather(rows), group.gather(has), group.gather(numbers), strict=True)
    return [_received(own, size, weights, *tensors) for size, *tensors in gathered]


def _received(own: _Part, size: int, weights: list[nn.Parameter], rows: Tensor, has: Tensor, numbers: Tensor) -> _Part:
    losses = {name: row[:size].to(like.dtype) for (name, like), row in zip(own.losses.items(), rows, strict=False)}
    likes = (*own.statistics, *weights)
    flat = numbers.split([like.numel() for like in likes])
    # In the weights' own memory format, as autograd would have left them: a norm adds up in the order of memory.
    found = [torch.empty_like(like).copy_(values.view(like.shape)) for like, values in zip(likes, flat, strict=True)]
    statistics, gradients = found[: len(own.statistics)], found[len(own.statistics) :]
    of_weights = [each if given else None for each, given in zip(gradients, has.tolist(), strict=True)]
    return _Part(losses, rows[-1, :size].bool(), of_weights, statistics)


def _sum(before: Tensor | None, more: Tensor | None) -> Tensor | None:
    """As autograd adds a gradient to the one that a weight holds."""
    if before is None or more is None:
        return more if before is None else before
    return before.add_(more)
