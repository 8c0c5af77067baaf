"""Which images of a batch, and pixels of which classes, the first numbers that are not finite belong to."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from segpipe.diagnostics.first_not_finite import Origin
from segpipe.diagnostics.layer_scopes import LOSS
from segpipe.diagnostics.not_finite_step import Examined
from segpipe.losses.table import LossFunction
from segpipe.record import IGNORE

TOO_LARGE = 1e17
"""The square of a larger number, summed over the pixels of a batch, may be beyond what a float holds."""


@dataclass(frozen=True)
class Guilty:
    """Places in the batch, and class ids: all images and no class where nothing tells one from another."""

    images: list[int]
    classes: list[int]


def guilty(found: Examined, target: Tensor, loss: LossFunction, n_classes: int) -> Guilty:
    """Whose numbers they are, by where the first ones stand; `target` is (N, H, W), that of the whole batch."""
    if found.broken == "weights":
        return Guilty(_by_input(found, len(target)), [])
    rows = sorted({place for origin in found.origins for place in _rows(origin)})
    images = rows or _rows_of(~found.losses["loss"].isfinite()) or [*range(len(target))]
    return Guilty(images, _classes(found, images, target, loss, n_classes))


def _rows(origin: Origin) -> list[int]:
    """The images along the first axis of what is not finite."""
    if not origin.where.ndim or len(origin.where) != len(origin.images):
        return []
    return [origin.images[row] for row in _rows_of(origin.where)]


def _rows_of(where: Tensor) -> list[int]:
    return where.flatten(1).any(dim=1).nonzero()[:, 0].tolist() if where.ndim > 1 else where.nonzero()[:, 0].tolist()


def _by_input(found: Examined, n_images: int) -> list[int]:
    """Of a statistic that is broken, the images whose values at its layer cannot be squared and summed; else all."""
    statistics = [found.largest.get(each.layer, {}) for each in found.weights if each.gradient is None]
    images = [place for place, value in statistics[0].items() if value > TOO_LARGE] if statistics else []
    return sorted(images) or [*range(n_images)]


def _classes(found: Examined, images: list[int], target: Tensor, loss: LossFunction, n_classes: int) -> list[int]:
    """Those of some pixels and not of all; in the loss also those that alone make it not finite."""
    own = target[images]
    present, named = _ids(own), set[int]()
    in_loss = found.origin is None or found.origin.layer == LOSS
    for origin in found.origins:
        if rows := _rows(origin):
            where = origin.where[[origin.images.index(place) for place in rows]]
            named |= {*((_columns(where, n_classes) if in_loss else []) or _under(where, target[rows]))}
    if not named and in_loss:
        named = {*_alone(found, images, own, loss, present)}
    return [] if named == {*present} and len(present) > 1 else sorted(named)


def _columns(where: Tensor, n_classes: int) -> list[int]:
    """The classes of (N, C, ...), where it has an axis for them and not all of them are broken."""
    if where.ndim < 2 or where.shape[1] != n_classes:
        return []
    broken = where.transpose(0, 1).flatten(1).any(dim=1).nonzero()[:, 0].tolist()
    return broken if len(broken) < n_classes else []


def _under(where: Tensor, target: Tensor) -> list[int]:
    """The classes below the broken places of (N, H, W) or (N, C, h, w), a map of any size; none where all places are."""
    if where.ndim not in (3, 4):
        return []
    places = where if where.ndim == 3 else where.any(dim=1)
    if bool(places.all()):
        return []
    mask = F.interpolate(places[:, None].float(), target.shape[1:], mode="nearest")[:, 0] > 0
    return _ids(target[mask.to(target.device)])


def _alone(found: Examined, images: list[int], target: Tensor, loss: LossFunction, present: list[int]) -> list[int]:
    """The classes that break the loss, or its gradient, when all other pixels are ignored."""
    return [each for each in present if not _finite_alone(found, images, target.where(target == each, IGNORE), loss)]


def _finite_alone(found: Examined, images: list[int], target: Tensor, loss: LossFunction) -> bool:
    logits = found.logits[..., images, :, :, :].requires_grad_()
    losses = loss(logits, target)["loss"]
    if found.broken == "loss":
        return bool(losses.isfinite().all())
    return bool(torch.autograd.grad(losses.sum(), logits)[0].isfinite().all())


def _ids(target: Tensor) -> list[int]:
    return [number for number in target.unique().tolist() if number != IGNORE]
