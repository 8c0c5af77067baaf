"""Which key of params.yaml keeps a batch from being learned: it is tried again with one after the other as it usually is."""

from collections.abc import Iterator
from typing import Any

from segpipe.console.progress import track
from segpipe.dataset.loader import Batch
from segpipe.diagnostics.one_batch import Overfit, overfit
from segpipe.params.stage_keys import SanityKeys
from segpipe.workflows.assemble import Training, assemble

ENOUGH, LEARNED, NOTHING = 0.8, 0.2, 0.05
"""Separations of the classes: at the first learning ends, below the second it is slow, below the third it is none."""
USUAL_RATES = {"sgd": (0.1, 0.01, 0.001), "adam": (0.001, 0.0001, 0.003), "adamw": (0.001, 0.0001, 0.003)}
"""By optim.name, the likeliest first."""

Changes = dict[str, dict[str, Any]]


def learn(training: Training, params: SanityKeys, batch: Batch) -> Overfit:
    """The batch, learned from the first weights at the rate after the warm-up, by an encoder that is no longer frozen."""
    optim = training.params.optim
    return overfit(training.run, batch, optim.lr, optim.encoder_frozen, params.sanity.steps, ENOUGH)


def what_helps(training: Training, params: SanityKeys, batch: Batch) -> str:
    """The rest of a sentence: the first other value with which the batch is learned, or that there is none."""
    variants = [*_rates(params), *_others(params)]
    for text, changes in track(variants, "trying other settings"):
        changed = params.model_copy(
            update={name: getattr(params, name).model_copy(update=keys) for name, keys in changes.items()}
        )
        other = learn(assemble(changed, training.data, training.device, training.card.training["versions"]), changed, batch)
        if other.reached >= LEARNED:
            return f"With {text} they are by {other.reached:.2f} after {len(other.losses)}: write that."
    return f"With none of {len(variants)} other settings they are: look at the images and masks, the model and the loss."


def _rates(params: SanityKeys) -> Iterator[tuple[str, Changes]]:
    """In words, and as sections of params.yaml; none that is about the one that failed."""
    for rate in USUAL_RATES[params.optim.name]:
        if not 1 / 3 < rate / params.optim.lr < 3:
            yield f"optim.lr: {rate:g}", {"optim": {"lr": rate}}


def _others(params: SanityKeys) -> Iterator[tuple[str, Changes]]:
    """What else is far from usual."""
    optim = params.optim
    if 0 < optim.clip_norm < 1:
        yield "optim.clip_norm: 1.0", {"optim": {"clip_norm": 1.0}}
    if optim.weight_decay > 0.01:
        yield "optim.weight_decay: 0.01", {"optim": {"weight_decay": 0.01}}
    if not optim.encoder_rate:
        yield "optim.encoder_rate: 1.0", {"optim": {"encoder_rate": 1.0}}
    if params.loss.name != "dice_ce" or params.loss.class_weights != "none":
        # Both at once, since weights that leave out a class do so in each loss.
        yield "loss.name: dice_ce and loss.class_weights: none", {"loss": {"name": "dice_ce", "class_weights": "none"}}
    if params.model.dropout > 0.5:
        yield "model.dropout: 0.2", {"model": {"dropout": 0.2}}
