"""Each loss against the one of the same name in segmentation_models_pytorch: CPU seconds of a forward and backward pass.

Run in the repository: python bench/losses.py [NAME ...]. Medians of rounds in which the two take turns, on (8, 12, 256, 256)
with a tenth of the pixels ignored, and on one logit, on one thread; a ratio above 1 says that ours is slower. Both start from
class ids; the time of theirs holds the planes that its BCE wants, and `bce, planes` leaves those out.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import segmentation_models_pytorch as smp
import torch
from torch import Tensor

from segpipe.losses.table import Classes, build
from segpipe.params.load import load_params
from segpipe.record import IGNORE

LIMIT = 1.05
ROUNDS = 11
Pass = Callable[[Tensor], Tensor]


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    slow = []
    for n_logits in (12, 1):
        logits = 3 * torch.randn(8, n_logits, 256, 256)
        target = torch.randint(0, max(2, n_logits), (8, 256, 256))
        target[torch.rand(target.shape) < 0.1] = IGNORE
        found = peers(target, n_logits)
        for name, theirs in ((name, found[name]) for name in found if not names or name in names):
            mine, other = medians((ours(name.removesuffix(", planes"), target), theirs), logits)
            print(f"{name:<14} {n_logits:>2} logits: ours {1000 * mine:6.1f} ms, smp {1000 * other:6.1f} ms: {mine / other:.2f}")
            slow += [name] if mine > LIMIT * other else []
    print(f"slower than {LIMIT} times smp's: {', '.join(slow) or 'none'}")


def ours(name: str, target: Tensor) -> Pass:
    loss = build(load_params().loss.model_copy(update={"name": name}), Classes(has_background=True))
    return lambda logits: loss(logits, target)["loss"].mean()


def peers(target: Tensor, n_logits: int) -> dict[str, Pass]:
    """Theirs by our names."""
    mode, ids = ("multiclass" if n_logits > 1 else "binary"), torch.arange(n_logits)

    def planes() -> Tensor:
        if n_logits == 1:
            return target[:, None].float()
        return (target[:, None] == ids.view(1, -1, 1, 1)).float().masked_fill((target == IGNORE)[:, None], IGNORE)

    ready = planes()
    regions = {
        "dice": smp.losses.DiceLoss(mode, smooth=0.5, ignore_index=IGNORE),
        "iou": smp.losses.JaccardLoss(mode, smooth=0.5, ignore_index=IGNORE),
        "tversky": smp.losses.TverskyLoss(mode, smooth=0.5, ignore_index=IGNORE, alpha=0.3, beta=0.7),
        "focal_tversky": smp.losses.TverskyLoss(mode, smooth=0.5, ignore_index=IGNORE, alpha=0.3, beta=0.7, gamma=0.75),
        "lovasz": smp.losses.LovaszLoss(mode, per_image=True, ignore_index=IGNORE),
        "focal": smp.losses.FocalLoss(mode, ignore_index=IGNORE),
    }
    regions["dice_pooled"] = regions["dice"]
    found = {name: partial(_called, loss, target) for name, loss in regions.items()}
    bce = smp.losses.SoftBCEWithLogitsLoss(ignore_index=IGNORE)
    found["bce"] = lambda logits: bce(logits, planes())
    found["bce, planes"] = lambda logits: bce(logits, ready)
    if n_logits > 1:
        cross_entropy = smp.losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=IGNORE)
        found["cross_entropy"] = lambda logits: cross_entropy(logits, target)
    return found


def _called(loss: Callable[[Tensor, Tensor], Tensor], target: Tensor, logits: Tensor) -> Tensor:
    """Theirs want a binary truth in the shape of the logits."""
    return loss(logits, target[:, None] if logits.shape[1] == 1 else target)


def medians(passes: tuple[Pass, Pass], logits: Tensor) -> list[float]:
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS + 1):
        for loss, found in zip(passes, times, strict=True):
            leaf = logits.clone().requires_grad_()
            start = time.process_time()
            loss(leaf).backward()
            found.append(time.process_time() - start)
    return [statistics.median(found[1:]) for found in times]


if __name__ == "__main__":
    main(sys.argv[1:])
