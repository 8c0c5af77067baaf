"""Planted faults in a network and in a loss: the operation, its layer, the images and the classes are each named."""

import copy
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segpipe.dataset.loader import Batch
from segpipe.diagnostics.first_not_finite import Origin
from segpipe.diagnostics.guilty_pixels import Guilty, guilty
from segpipe.diagnostics.layer_scopes import LOSS
from segpipe.diagnostics.not_finite_step import Examined, examine, reach
from segpipe.losses.table import Losses, LossFunction
from segpipe.models.segmenter import Segmenter
from segpipe.training import accumulate, averaged, loop, optim, precision
from tests.training.suite import CPU, optim_params
from tests.training.suite import run as suite_run

DARK = 2
"""The image of the batch that is black."""
N_CLASSES = 3
Change = Callable[[Tensor], Tensor]


class Fault(nn.Module):
    """A layer of one's own, which does not do with all that it is given."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change

    def forward(self, features: Tensor) -> Tensor:
        return self.change(features)


class Between(nn.Module):
    """A layer that computes between its layers."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.before, self.after, self.change = nn.Identity(), nn.Conv2d(4, 4, 1), change

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.after(self.change(self.before(features)))
        return result


def segmenter(**layers: nn.Module) -> Segmenter:
    """A network of a convolution without bias, these layers, batch normalisation and a classifier."""
    torch.manual_seed(0)
    network = OrderedDict[str, nn.Module](first=nn.Conv2d(3, 4, 1, bias=False), **layers)
    network |= {"norm": nn.BatchNorm2d(4), "head": nn.Conv2d(4, N_CLASSES, 1)}
    return Segmenter(nn.Sequential(network), 1, [0.0] * 3, [1.0] * 3)


def batch() -> Batch:
    """Four images, one of them black: the left half is class 0, the right one 1, and a corner of image 1 is 2."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(50, 256, (4, 3, 8, 8), generator=generator, dtype=torch.uint8)
    image[DARK] = 0
    target = torch.zeros(4, 8, 8, dtype=torch.long)
    target[:, :, 4:] = 1
    target[1, :2, :2] = 2
    return Batch(("a", "b", "dark", "d"), image, target)


def cross_entropy(logits: Tensor, target: Tensor) -> Losses:
    return {"loss": nn.functional.cross_entropy(logits.float(), target, reduction="none", ignore_index=255).mean(dim=(1, 2))}


def run_of(model: Segmenter, loss: LossFunction = cross_entropy, **changes: Any) -> loop.Run:
    params = optim_params(**{"name": "sgd"} | changes.pop("optim", {}))
    optimizer = optim.build(params, model)
    step = precision.stepper(model, optimizer, params.clip_norm, None)
    parts = {
        "model": model,
        "optimizer": optimizer,
        "step": step,
        "loss": loss,
        "batches": lambda epoch, first: [batch()] * (2 - first),
    }
    return suite_run(**parts | {"learning_rate": lambda epoch, history: params.lr} | changes)


def in_parts(run: loop.Run) -> loop.Run:
    return replace(run, backward=accumulate.backward(2, None, run.model))


def with_average(run: loop.Run) -> loop.Run:
    return averaged.prepare(run, copy.deepcopy(run.model), 0.9)


def in_bf16(run: loop.Run) -> loop.Run:
    return replace(run, autocast=precision.autocast("bf16", CPU))


def as_it_is(run: loop.Run) -> loop.Run:
    return run


WAYS = [as_it_is, in_parts, with_average, in_bf16]


def found_in(model: Segmenter, run: loop.Run) -> tuple[Examined, Origin, Guilty]:
    found = examine(run, model, batch())
    assert found.origin
    return found, found.origin, guilty(found, batch().target, run.loss, N_CLASSES)


@pytest.mark.parametrize("way", WAYS)
def test_a_division_by_zero_in_one_image(way: Callable[[loop.Run], loop.Run]) -> None:
    model = segmenter(spoilt=Fault(lambda features: features / features.abs().amax(dim=(1, 2, 3), keepdim=True)))
    found, origin, whose = found_in(model, way(run_of(model)))
    assert found.broken == "loss" and (origin.operation, origin.layer) == ("div", "network.spoilt (Fault)")
    assert origin.line.startswith("diagnostics/test_not_finite_step.py:") and origin.line.endswith("in <lambda>")
    assert origin.sizes == ((0, 0), (0, 0)) or origin.sizes[1][0] == 0
    assert whose == Guilty([DARK], [])
    assert all(not bool(each.isfinite()) for each in found.losses["loss"][2:]), "batch normalisation has spread it"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_image_that_is_not_finite_itself(value: float) -> None:
    model, whole = segmenter(), batch()
    image = whole.image.float() / 255
    image[3, 1, 2, 6] = value
    found = examine(run_of(model), model, Batch(whole.ids, image, whole.target))
    assert found.broken == "loss" and found.origin and found.origin.layer == "the model (Segmenter)"
    assert guilty(found, whole.target, cross_entropy, N_CLASSES) == Guilty([3], [1])


def test_an_operation_between_the_layers_of_a_larger_one_is_that_ones_own() -> None:
    model = segmenter(block=Between(lambda features: features.log()))
    origin = found_in(model, run_of(model))[1]
    assert (origin.operation, origin.layer) == ("log", "network.block (Between)")


@pytest.mark.parametrize("way", [as_it_is, with_average])
def test_an_overflow_in_a_middle_layer(way: Callable[[loop.Run], loop.Run]) -> None:
    middle = nn.Conv2d(4, 4, 1, bias=False)
    model = segmenter(middle=middle)
    with torch.no_grad():
        middle.weight.fill_(3e38)
        model.network.first.weight.fill_(100.0)
    found, origin, whose = found_in(model, way(run_of(model)))
    assert (found.broken, origin.operation, origin.layer) == ("loss", "convolution", "network.middle (Conv2d)")
    assert origin.sizes[1] == pytest.approx((3e38, 3e38))
    assert whose.images == [0, 1, 3], "nothing of the black one"
    assert found.weight == ("network.middle.weight", pytest.approx(3e38))
    assert found.largest["network.middle (Conv2d)"][DARK] == 0 < found.largest["network.middle (Conv2d)"][0]


def test_numbers_that_are_masked_away_are_not_blamed() -> None:
    def change(features: Tensor) -> Tensor:
        masked = torch.where(features.detach() > 0, features.detach().log(), 0.0)
        return (features + masked) / features.abs().amax(dim=(1, 2, 3), keepdim=True)

    model = segmenter(spoilt=Fault(change))
    assert found_in(model, run_of(model))[1].operation == "div"


def without_class_2(logits: Tensor, target: Tensor) -> Losses:
    """The share of each class, whose mean is infinite where an image has no pixel of one."""
    counts = torch.stack([(target == each).sum(dim=(1, 2)) for each in range(N_CLASSES)], dim=1)
    return {"loss": ((logits.square().mean(dim=(2, 3)) + 1) / counts).mean(dim=1)}


def infinite_in_class_2(logits: Tensor, target: Tensor) -> Losses:
    pixels = logits.square().sum(dim=1).where(target != 2, math.inf)
    return {"loss": pixels.mean(dim=(1, 2)), "loss_mine": pixels.mean(dim=(1, 2)), "loss_other": logits.mean(dim=(1, 2, 3))}


def pooled(logits: Tensor, target: Tensor) -> Losses:
    """All images in one number, in which class 2 is infinite."""
    total = (logits.sum(dim=1) * torch.where(target == 2, 1e38, 0.0) * 1e30).square().sum()
    return {"loss": (total + logits.mean()).expand(len(logits))}


@pytest.mark.parametrize("loss", [without_class_2, infinite_in_class_2])
@pytest.mark.parametrize("way", WAYS)
def test_a_loss_that_is_infinite_for_one_class(loss: LossFunction, way: Callable[[loop.Run], loop.Run]) -> None:
    model = segmenter()
    found, origin, whose = found_in(model, way(run_of(model, loss)))
    assert (found.broken, origin.layer) == ("loss", LOSS) and origin.line.endswith(f"in {loss.__name__}")
    assert whose == Guilty([1] if loss is infinite_in_class_2 else [0, 2, 3], [2])


def test_a_class_is_found_by_its_pixels_alone_where_the_loss_has_one_number() -> None:
    model = segmenter()
    found, _, whose = found_in(model, run_of(model, pooled))
    assert found.broken == "loss" and whose.classes == [2]


@pytest.mark.parametrize("way", WAYS)
def test_a_gradient_that_is_infinite_while_the_loss_is_not(way: Callable[[loop.Run], loop.Run]) -> None:
    model = segmenter(root=Fault(lambda features: features.abs().sqrt()))
    found, origin, whose = found_in(model, way(run_of(model)))
    assert found.broken == "gradient" and bool(found.losses["loss"].isfinite().all())
    assert (origin.operation, origin.layer) == ("Sqrt", "network.root (Fault)")
    assert origin.line.startswith("diagnostics/test_not_finite_step.py:") and origin.line.endswith("in <lambda>")
    assert whose == Guilty([DARK], [])


def test_a_gradient_that_is_infinite_in_the_loss_for_one_class() -> None:
    def loss(logits: Tensor, target: Tensor) -> Losses:
        wrong = torch.where(target == 2, logits.sum(dim=1) * 0, logits.sum(dim=1).square() + 1)
        return {"loss": wrong.sqrt().mean(dim=(1, 2))}

    model = segmenter()
    found, origin, whose = found_in(model, run_of(model, loss))
    assert (found.broken, origin.operation, origin.layer) == ("gradient", "Sqrt", LOSS)
    assert whose == Guilty([1], [2])


def test_logits_that_the_loss_makes_finite_again() -> None:
    def loss(logits: Tensor, target: Tensor) -> Losses:
        return {"loss": torch.where(logits > 0, logits.sqrt(), 0.0).mean(dim=(1, 2, 3))}

    model = segmenter(spoilt=Fault(lambda features: features / features.abs().amax(dim=(1, 2, 3), keepdim=True)))
    found, origin, whose = found_in(model, run_of(model, loss))
    assert found.broken == "gradient" and bool(found.losses["loss"].isfinite().all())
    assert (origin.operation, origin.layer, origin.backwards) == ("div", "network.spoilt (Fault)", False)
    assert whose.images == [DARK]


def test_a_step_that_is_too_long_for_a_weight() -> None:
    def steep(logits: Tensor, target: Tensor) -> Losses:
        return {"loss": 100 * cross_entropy(logits, target)["loss"]}

    model = segmenter()
    run = run_of(model, steep, optim={"lr": 3e38, "clip_norm": 0.0})
    held = reach(run, 0)
    assert held and (run.progress.epoch, run.progress.batch) == (0, 0)
    assert all(bool(weight.isfinite().all()) for weight in model.parameters()), "as it was before the step"
    found = examine(run, model, held)
    assert found.broken == "weights" and found.origin is None
    named = {each.name: each for each in found.weights}
    assert named["network.head.weight"].layer == "network.head (Conv2d)"
    assert 0 < named["network.head.weight"].before < 1 and named["network.head.weight"].gradient
    assert guilty(found, held.target, run.loss, N_CLASSES) == Guilty([0, 1, 2, 3], [])


@pytest.mark.parametrize("way", WAYS)
def test_a_statistic_that_is_too_large_while_the_loss_is_finite(way: Callable[[loop.Run], loop.Run]) -> None:
    model = segmenter()
    with torch.no_grad():
        model.network.first.weight.fill_(1e25)
    run = way(run_of(model))
    held = reach(run, 0)
    assert held
    found = examine(run, model, held)
    assert found.broken == "weights"
    assert found.weights[0].layer == "network.norm (BatchNorm2d)"
    assert found.weights[0].name.endswith("norm.running_var") and found.weights[0].gradient is None
    assert guilty(found, held.target, run.loss, N_CLASSES).images == [0, 1, 3], "nothing of the black one"


def test_a_training_that_stays_finite_reaches_nothing() -> None:
    assert reach(run_of(segmenter()), 0) is None
    run = run_of(segmenter())
    assert reach(run, 5) is None and run.progress.epoch == run.epochs


@pytest.mark.parametrize("way", WAYS)
def test_what_is_examined_is_the_step_itself_to_the_last_bit(way: Callable[[loop.Run], loop.Run]) -> None:
    plain, watched = segmenter(), segmenter()
    run = way(run_of(plain))
    taken: list[Tensor] = []
    loop.train_epoch(replace(run, n_batches=1, loss=lambda *given: taken.append(run.loss(*given)["loss"]) or run.loss(*given)))
    again = way(run_of(watched))
    found = examine(again, watched, batch())
    assert again.progress == loop.Progress()
    assert found.broken is None and found.origins == []
    assert torch.equal(found.losses["loss"], torch.cat(taken).detach())
    assert all(
        torch.equal(one, other) for one, other in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True)
    )


def test_statistics_that_the_failed_forward_pass_broke_are_no_fault_of_the_step() -> None:
    model = segmenter()
    model.network.norm.running_mean.fill_(math.nan)
    assert examine(run_of(model), model, batch()).broken is None
