"""Nested, growing parts of a fold's training images, and the training that suits the size of each."""

from collections.abc import Mapping, Sequence

from segpipe.errors import PipelineError
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility.seeds import seed_of

EPOCH_KEYS = {"optim": ("warmup_epochs", "encoder_frozen", "step_epochs", "patience"), "train": ("early_stop", "validate_every")}
"""Keys that count epochs, beside train.epochs."""


def parse_shares(text: str) -> list[float]:
    """Numbers above 0, up to 1, with commas or blanks between them, from the smallest on. Raises PipelineError for others."""
    try:
        shares = sorted({float(each) for each in text.replace(",", " ").split()})
    except ValueError:
        shares = []
    # A NaN is neither.
    if not shares or not all(0 < each <= 1 for each in shares):
        raise PipelineError(f"--shares {text!r}: write numbers above 0, up to 1, such as 0.125,0.25,0.5,1.")
    return shares


def nested(
    ids: Sequence[str], groups: Mapping[str, str], shares: Sequence[float], seed: int, fold: int
) -> dict[float, list[str]]:
    """The images of each share, in their own order; each part holds those before it.

    Groups come whole, in an order by lot that follows from seed and fold, until there are as many images as asked for, two at
    least. A share that gives no more images than the one before it is left out.
    """
    members: dict[str, list[str]] = {}
    for item in ids:
        members.setdefault(groups[item], []).append(item)
    order = sorted(members, key=lambda name: seed_of(seed, fold, "curve", name))
    found: dict[float, list[str]] = {}
    largest = 0
    for share in shares:
        wanted, chosen = max(2, round(share * len(ids))), set[str]()
        for name in order:
            if len(chosen) >= wanted:
                break
            chosen.update(members[name])
        if len(chosen) > largest:
            found[share], largest = [item for item in ids if item in chosen], len(chosen)
    return found


def suited(params: TrainKeys, n_images: int, n_whole: int) -> TrainKeys:
    """The keys by which so few images are trained for as many optimizer steps as the whole: more epochs, and all that counts
    epochs (EPOCH_KEYS) in proportion. Those of the whole itself are `params`, as where `train.steps_per_epoch` counts the steps.
    """
    if params.train.steps_per_epoch:
        return params
    steps, whole = (-(-n // params.train.batch_size) for n in (n_images, n_whole))
    epochs = max(1, round(params.train.epochs * whole / steps))
    if epochs == params.train.epochs:
        return params
    factor = epochs / params.train.epochs
    sections = {
        section: {key: _scaled(getattr(getattr(params, section), key), factor, epochs) for key in keys}
        for section, keys in EPOCH_KEYS.items()
    }
    sections["train"]["epochs"] = epochs
    return params.model_copy(update={name: getattr(params, name).model_copy(update=values) for name, values in sections.items()})


def _scaled(value: int, factor: float, epochs: int) -> int:
    """0, which switches off, stays 0; none becomes as long as the training."""
    return min(max(1, round(value * factor)), max(1, epochs - 1)) if value else 0
