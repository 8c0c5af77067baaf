"""What `segpipe replay` says of a step: where it breaks, whose numbers they are, the largest values, and what to try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from segpipe.console.tables import format_table
from segpipe.dataset.loader import Batch
from segpipe.diagnostics.first_not_finite import Origin, Sizes, sizes
from segpipe.diagnostics.guilty_pixels import Guilty
from segpipe.diagnostics.layer_scopes import LOSS
from segpipe.diagnostics.not_finite_step import Examined
from segpipe.images.to_tensor import unit_values
from segpipe.workflows.assemble import Training
from segpipe.workflows.sanity_variants import USUAL_RATES

SHOWN = 8
"""Images in the table, and in the picture."""
GROWN_WEIGHT, GROWN_LOGIT, GROWN_INPUT = 1e3, 1e4, 1e2
"""Magnitudes that no healthy training of ours has: of a weight, of a logit, of a value that the network is given."""
WORDS = {"loss": "the loss is", "gradient": "a gradient is", "weights": "a weight or a statistic is"}


@dataclass(frozen=True)
class Step:
    """A replayed step; `in_fp32` says whether it is finite in fp32, None where that is how it was computed."""

    training: Training
    batch: Batch
    found: Examined
    guilty: Guilty
    in_fp32: bool | None

    @property
    def images(self) -> list[str]:
        """The ids of the guilty images."""
        return [self.batch.ids[place] for place in self.guilty.images]


def lines(step: Step) -> Iterator[str]:
    """All but the advice."""
    found, progress = step.found, step.training.run.progress
    assert found.broken
    yield f"{progress.place}: {WORDS[found.broken]} not finite, here as it was then"
    yield from (f"where: {each}" for each in _where(found))
    yield f"image: {_images(step)}"
    yield f"class: {_classes(step)}"
    yield from ("", _table(step), "")
    name, size = found.weight
    yield f"before the step the largest weight is {size:.3g} ({name}); the learning rate is {found.lr:.3g}"
    if losses := [record["train_loss"] for record in progress.history if "train_loss" in record]:
        yield f"training loss of the epochs before: {', '.join(f'{each:.3g}' for each in losses[-SHOWN:])}"
    if step.in_fp32 is not None:
        yield f"in fp32 this step is {'finite' if step.in_fp32 else 'not finite either'}"


def advice(step: Step) -> Iterator[str]:
    """What to try, the likeliest first."""
    found, params = step.found, step.training.params
    optim, images = params.optim, ", ".join(step.images[:3])
    if not bool(step.batch.image[step.guilty.images].isfinite().all()):
        yield f"the image itself holds numbers that are not finite: mend the file of {images}, or leave it out"
        return
    if _given(step) > GROWN_INPUT:
        yield (
            f"the network is given values up to {_given(step):.3g}: look at {images}, and write input.normalise: percentile "
            f"({params.input.normalise} now)"
        )
    if _run_away(step):
        usual = USUAL_RATES[optim.name]
        rate = usual[0] if optim.lr > max(usual) else optim.lr / 10
        clip = "" if optim.clip_norm else ", optim.clip_norm: 1 (0 now)"
        yield (
            "the training had run away before this step, so no image or class is to blame: "
            f"optim.lr: {rate:.3g} ({optim.lr:g} now){clip}, or more of optim.warmup_epochs ({optim.warmup_epochs} now)"
        )
    if step.in_fp32:
        yield f"train.precision: fp32 ({params.train.precision} now) holds these numbers"
    if _given(step) <= GROWN_INPUT and not _run_away(step) and not step.in_fp32:
        yield _of_code(found, params.loss.name, images)


def _where(found: Examined) -> Iterator[str]:
    for each in found.weights[:3]:
        if each.gradient is None:
            given = max(found.largest.get(each.layer, {0: float("nan")}).values())
            yield f"{each.name}, a statistic of {each.layer}, which is given values up to {given:.3g}"
        else:
            step = f"its gradient is at most {each.gradient:.3g}, and the learning rate {found.lr:.3g}"
            yield f"{each.name}, a weight of {each.layer}: at most {each.before:.3g} before the step; {step}"
    if found.origin and found.origin.backwards:
        yield f"backwards, the gradient of {_place(found.origin)}; the gradient that it got is {_sizes(found.origin.sizes)}"
    elif found.origin:
        if found.broken == "gradient":
            yield "forwards already: the logits are not finite, which the loss does not show"
        yield f"{_place(found.origin)}; it is given numbers of magnitude {_sizes(found.origin.sizes)}"
    elif not found.weights:
        yield "in no single operation: the gradients of several parts add up to it"
    terms = [name for name, values in found.losses.items() if name != "loss" and not bool(values.isfinite().all())]
    if terms:
        yield f"of the loss's terms {', '.join(terms)} {'is' if len(terms) == 1 else 'are'} not finite"


def _place(origin: Origin) -> str:
    return f"operation {origin.operation} in {origin.layer}" + (f", {origin.line}" if origin.line else "")


def _sizes(found: Sequence[Sizes]) -> str:
    return " and ".join(f"{low:.3g} .. {high:.3g}" for low, high in found[:3]) or "not known"


def _images(step: Step) -> str:
    whole = len(step.batch.ids)
    if len(step.images) == whole > 1:
        return f"all {whole} of the batch, so probably not a matter of one"
    return f"{', '.join(step.images[:SHOWN])} ({len(step.images)} of {whole} in the batch)"


def _classes(step: Step) -> str:
    names = step.training.data.pack.info.classes
    return ", ".join(names[number] for number in step.guilty.classes) or "none more than others"


def _table(step: Step) -> str:
    """The guilty images first, then the others."""
    found, ids = step.found, step.batch.ids
    others = [place for place in range(len(ids)) if place not in step.guilty.images]
    layer = found.origin.layer if found.origin else found.weights[0].layer if found.weights else ""
    head = [
        "image",
        "loss",
        "values",
        "given to the network",
        *([f"given to {layer}"] if layer in found.largest else []),
        "logits",
    ]
    rows = []
    for place in [*step.guilty.images, *others][:SHOWN]:
        image = unit_values(step.batch.image[place])
        at_layer = [f"{found.largest[layer].get(place, float('nan')):.3g}"] if layer in found.largest else []
        values = f"{float(image.min()):.3g} .. {float(image.max()):.3g}"
        given = f"{_given_image(step, place):.3g}"
        logits = _largest(found.logits[..., place, :, :, :])
        rows.append([ids[place], f"{float(found.losses['loss'][place]):.4g}", values, given, *at_layer, logits])
    return format_table(rows, head)


def _largest(values: Tensor) -> str:
    broken = float((~values.isfinite()).float().mean())
    if broken == 1:
        return "none is finite"
    return f"{sizes(values)[1]:.3g}" + (f", {broken:.1%} not finite" if broken else "")


def _given_image(step: Step, place: int) -> float:
    """The largest magnitude that the network was given of an image."""
    label = next(label for label in step.found.largest if label.startswith("network ("))
    return step.found.largest[label][place]


def _given(step: Step) -> float:
    return max(_given_image(step, place) for place in step.guilty.images)


def _run_away(step: Step) -> bool:
    """Whether weights, logits or losses had grown before the step, or the step itself was too long for a weight."""
    found, history = step.found, step.training.run.progress.history
    losses = [record["train_loss"] for record in history if "train_loss" in record]
    grown = len(losses) > 1 and losses[-1] > 10 * min(losses)
    # Where a layer breaks, what it does to the logits is its doing.
    from_loss = found.origin is None or found.origin.layer == LOSS
    large = from_loss and sizes(found.logits)[1] > GROWN_LOGIT
    return grown or large or found.weight[1] > GROWN_WEIGHT or any(each.gradient is not None for each in found.weights)


def _of_code(found: Examined, loss: str, images: str) -> str:
    """Neither data nor rate is strange: the code is."""
    line = f" ({found.origin.line})" if found.origin and found.origin.line else ""
    if found.origin and found.origin.layer == LOSS:
        said = f"weights and logits are of usual size, so it is loss.name: {loss} that cannot do with {images}"
        return f"{said}: mend it{line}, or take another"
    layer = found.origin.layer if found.origin else found.weights[0].layer if found.weights else "the network"
    return f"weights and input are of usual size, so it is the code of {layer} that cannot do with {images}: mend it{line}"
