"""A trained U-Net++ cut down to a smaller one that it holds (Zhou et al. 2018, arXiv:1807.10165, section 3.2, figure 1c).

X(0, d) depends on the nodes X(i, j) with i + j <= d alone, so the U-Net++ of depth d with their weights gives what head d of
the whole network gives, bit by bit. One thing differs around it: images are padded to multiples of 2 to the d, no longer of the
whole network's stride. Where a side is no multiple of that one, logits near its padded end differ a little.
"""

from dataclasses import replace

from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.params.architectures import ARCHITECTURES
from segpipe.params.schema import ModelParams


def require_prunable(params: ModelParams) -> None:
    """Raises PipelineError for a model that has no head at each depth."""
    if not ARCHITECTURES[params.name].prunable:
        choices = {name: record.title for name, record in ARCHITECTURES.items() if record.prunable}
        raise PipelineError(
            f"the model is a {params.name}; only a {' or '.join(choices.values())} can be pruned. "
            f"Train with model.name {' or '.join(choices)}."
        )
    if params.deep_supervision == "none":
        raise PipelineError(
            "the model was trained with model.deep_supervision none, so only its full depth has a head. "
            "Train with model.deep_supervision last or mean."
        )


def pruned(segmenter: Segmenter, card: Card, depth: int) -> tuple[Segmenter, Card]:
    """The part of the model that head `depth` needs, in evaluation mode, and the card that describes it.

    Its last head predicts, also where the mean of all did before: pruning belongs to the paper's fast mode. The heads of the
    depths below stay, so that it can be pruned further. The card's `pruned_from` tells the depth that was trained.
    Raises PipelineError for a model that cannot be pruned, and for a depth that it does not have.
    """
    require_prunable(card.model)
    whole = card.model.depth
    if not 1 <= depth <= whole:
        raise PipelineError(f"--depth {depth}: the model has the depths 1 to {whole}. Write one of those.")
    width = card.model.width if isinstance(card.model.width, int) else card.model.width[: depth + 1]
    params = card.model.model_copy(update={"depth": depth, "width": width, "deep_supervision": "last"})
    # The card's own entry wins: a model that is pruned again keeps the depth that was trained.
    training = {"pruned_from": whole} | card.training
    smaller = replace(card, model=params, training=training)
    part = model_file.empty(smaller)
    tensors = segmenter.state_dict()
    part.load_state_dict({name: tensors[name] for name in part.state_dict()})
    return part.eval(), smaller
