"""The scores of the images of several sites, from what each of them adds up: no image's own number leaves its site."""

from collections.abc import Mapping, Sequence

import numpy as np

from segpipe.federation.messages import Numbers
from segpipe.scores.counts import Confusion, image_dice, scores


def numbers(counts: Sequence[Confusion], losses: Sequence[Mapping[str, float | None]], has_background: bool) -> Numbers:
    """What the images add up to, one at least, given the confusion and the losses of each."""
    dice = [value for each in counts if (value := image_dice(each, has_background)) is not None]
    by_name = {name: [value for each in losses if (value := each[name]) is not None] for name in losses[0]}
    return Numbers(
        counts=np.sum(counts, axis=0).tolist(),
        losses={name: (sum(values), len(values)) for name, values in by_name.items()},
        dice_per_image=(sum(dice), len(dice)),
    )


def pooled(sites: Sequence[Numbers], has_background: bool) -> dict[str, float]:
    """The scores and mean losses of all images together; what no image has a value of is left out."""
    if not sites:
        return {}
    losses = {name: _mean([each.losses[name] for each in sites if name in each.losses]) for name in sites[0].losses}
    of_counts = scores([np.array(each.counts, dtype=np.int64) for each in sites], has_background)
    found = losses | of_counts | {"dice_per_image": _mean([each.dice_per_image for each in sites])}
    return {name: value for name, value in found.items() if value is not None}


def _mean(sums: Sequence[tuple[float, int]]) -> float | None:
    count = sum(number for _, number in sums)
    return sum(total for total, _ in sums) / count if count else None
