"""What would make an epoch shorter, in sentences: only what follows from where its time goes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segpipe.diagnostics.epoch_costs import (
    AUGMENTING,
    DECODING,
    READING,
    SAVING,
    VALIDATION,
    VALIDATION_START,
    Cost,
    share,
    total,
)
from segpipe.diagnostics.step_times import BACKWARD, FIRST, FORWARD, LOSS, STEP, WAITING
from segpipe.training.resume import LARGEST_SHARE
from segpipe.training.validation_plan import ValidationPlan

DATA_BOUND = 0.1
"""Of an epoch: a larger share of waiting for data is worth a change."""
VALIDATION_SHARE = 1 / 6
"""Of an epoch, at most, as `segpipe init --minutes` plans it."""


@dataclass(frozen=True)
class Loading:
    """How samples are made: by how many `workers`, on how many `cores` that the loop leaves them, of which library.

    `images` are drawn in an epoch, `kept` of them lie decoded; `cache_gib` would hold all. `on_gpu`: the model trains on one.
    """

    workers: int
    cores: int
    library: str
    on_gpu: bool
    images: int
    kept: int
    cache_gib: float


def sentences(costs: Sequence[Cost], loading: Loading, plan: ValidationPlan, epochs: int) -> list[str]:
    """One or more sentences; where nothing stands out, what the network takes."""
    found = [_waiting(costs, loading), _validation(costs, plan, epochs), _saving(costs)]
    network = share(costs, FORWARD, LOSS, BACKWARD, STEP)
    return [each for each in found if each] or [
        f"the network takes {network:.0%} of an epoch, and neither data, validation nor saving much: "
        "`segpipe models` shows what others would take"
    ]


def _waiting(costs: Sequence[Cost], loading: Loading) -> str:
    """What to do where the loop waits for data; empty where it does not, or where nothing is known to help."""
    waits = share(costs, FIRST, WAITING)
    remedies = _remedies(costs, loading) if waits > DATA_BOUND else []
    return f"the loop waits for data for {waits:.0%} of an epoch: {', and '.join(remedies)}" if remedies else ""


def _remedies(costs: Sequence[Cost], loading: Loading) -> list[str]:
    seconds = {cost.part: cost.seconds for cost in costs}
    if loading.library == "torchvision":
        return ["augment.library: albumentations would make the changes beside the steps, in runtime.workers (other bytes)"]
    decoding = (seconds[READING] + seconds[DECODING]) * (loading.images - loading.kept)
    augmenting = seconds[AUGMENTING] * loading.images
    waits = share(costs, FIRST, WAITING, VALIDATION, VALIDATION_START, SAVING)
    # So many keep up with the loop where it does not wait.
    needed = math.ceil((decoding + augmenting) / max(total(costs) * (1 - waits), 1e-9))
    workers = min(needed, loading.cores)
    remedies = []
    if decoding > augmenting:
        remedies.append(f"runtime.cache_gib: {loading.cache_gib:g} would keep all images decoded")
    elif loading.on_gpu:
        remedies.append("augment.library: torchvision would change the images on the GPU (other bytes)")
    if workers > loading.workers:
        remedies.append(f"runtime.workers: {workers} would bring more, since there are cores for them")
    return remedies or ["augmenting is most of the loading, so fewer changes (augment) or more cores would shorten it"]


def _validation(costs: Sequence[Cost], plan: ValidationPlan, epochs: int) -> str:
    """How seldom to validate, where it takes more than its share; empty where it does not, or where that would not help."""
    now = share(costs, VALIDATION, VALIDATION_START)
    if now <= VALIDATION_SHARE:
        return ""
    seconds = {cost.part: cost.seconds for cost in costs}
    others = total(costs) * (1 - now)
    for every in range(plan.every + 1, epochs + 1):
        seldom = ValidationPlan(plan.ids, plan.subset, every)
        images = [len(seldom.images(epoch, epochs)) for epoch in range(epochs)]
        mean = (sum(images) * seconds[VALIDATION] + sum(map(bool, images)) * seconds[VALIDATION_START]) / epochs
        if mean <= VALIDATION_SHARE * (mean + others):
            left = mean / (mean + others)
            return f"validation takes {now:.0%} of an epoch: with train.validate_every: {every} it would be {left:.0%}"
    return ""


def _saving(costs: Sequence[Cost]) -> str:
    """Only states that are saved whatever it takes (runtime.save_every: 0) have a larger share."""
    now = share(costs, SAVING)
    return f"saving takes {now:.0%} of an epoch: a larger runtime.save_every saves fewer states" if now > LARGEST_SHARE else ""
