"""The recurrent convolution and the residual unit against the equations, unrolled by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers.recurrent import RecurrentConv, RecurrentResidualUnit
from segpipe.models.layers.style import ACTIVATIONS, Style, groups
from tests.models.suite import images

NORMS = ("batch", "group", "instance")


def style(norm: str = "batch", activation: str = "relu", dropout: float = 0.0) -> Style:
    return Style(activation, norm, dropout, "transposed")


def conv(steps: int, norm: str = "batch", channels: int = 4) -> RecurrentConv:
    """A layer whose weights, scales and shifts are all other than they start."""
    torch.manual_seed(0)
    layer = RecurrentConv(channels, steps, style(norm))
    for weight in layer.parameters():
        nn.init.uniform_(weight, -0.5, 0.5)
    return layer


def states(layer: RecurrentConv, features: Tensor) -> list[Tensor]:
    """F(0), F(1), ... F(steps)."""
    seen: list[Tensor] = []
    handle = layer.act.register_forward_hook(lambda module, given, state: seen.append(state.detach().clone()))
    with torch.no_grad():
        assert torch.equal(layer(features), seen[-1])
    handle.remove()
    return seen


def unrolled(features: Tensor, own: dict[str, Tensor], steps: int, normal: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Equations 1 and 2, with w_f * x made anew at each step and out of place."""
    state = normal(F.conv2d(features, own["forward_conv.weight"], padding=1), 0).clamp(min=0)
    for step in range(1, steps + 1):
        given = F.conv2d(features, own["forward_conv.weight"], padding=1)
        recurrent = F.conv2d(state, own["recurrent_conv.weight"], padding=1)
        state = normal(given + recurrent, step).clamp(min=0)
    return state


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize("norm", NORMS)
def test_it_is_the_equation(norm: str, steps: int) -> None:
    layer, features = conv(steps, norm), images(2, 4, 7, 5)
    own = dict(layer.named_parameters())
    scale, shift = own["normal.weight"], own["normal.bias"]
    by_norm: dict[str, Callable[[Tensor, int], Tensor]] = {
        "batch": lambda total, step: F.batch_norm(total, None, None, scale, shift, training=True),
        "group": lambda total, step: F.group_norm(total, groups(4), scale, shift),
        "instance": lambda total, step: F.instance_norm(total, weight=scale, bias=shift),
    }
    torch.testing.assert_close(layer(features), unrolled(features, own, steps, by_norm[norm]))


def test_evaluation_takes_the_statistics_of_each_step() -> None:
    layer, features = conv(2), images(2, 4, 7, 5)
    for _ in range(3):
        layer(features)
    means, variances = layer.normal.running_mean, layer.normal.running_var
    assert len({tuple(row.tolist()) for row in means}) == 3
    own = dict(layer.named_parameters())

    def normal(total: Tensor, step: int) -> Tensor:
        return F.batch_norm(total, means[step], variances[step], own["normal.weight"], own["normal.bias"])

    torch.testing.assert_close(layer.eval()(features), unrolled(features, own, 2, normal))


def test_statistics_of_a_repeated_batch_predict_what_the_batch_gave() -> None:
    """The reason for them: with one average over all steps evaluation would give another result than training."""
    layer, features = conv(3).double(), images(4, 4, 8, 8).double()
    for _ in range(300):
        trained = layer(features)
    # The running variance is the unbiased one.
    torch.testing.assert_close(layer.eval()(features), trained, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("training", [True, False])
def test_at_step_0_it_is_a_plain_convolution(training: bool) -> None:
    layer = conv(0).train(training)
    plain = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()).train(training)
    plain.load_state_dict(
        {"0.weight": layer.forward_conv.weight, "1.weight": layer.normal.weight, "1.bias": layer.normal.bias}, strict=False
    )
    assert torch.equal(layer(images(2, 4, 6, 6)), plain(images(2, 4, 6, 6)))
    assert sum(weight.numel() for weight in layer.parameters()) == sum(weight.numel() for weight in plain.parameters())


@pytest.mark.parametrize("norm", NORMS)
def test_weights_are_shared_over_the_steps(norm: str) -> None:
    sizes = [sum(weight.numel() for weight in conv(steps, norm, 8).parameters()) for steps in (0, 1, 2, 5)]
    assert sizes == [576 + 16, 2 * 576 + 16, 2 * 576 + 16, 2 * 576 + 16]


def test_one_weight_changes_every_step_that_reads_it() -> None:
    features = images(1, 4, 6, 6)
    first = states(conv(3).eval(), features)
    for name, unchanged in (("forward_conv", 0), ("recurrent_conv", 1), ("normal", 0)):
        layer = conv(3).eval()
        with torch.no_grad():
            layer.get_submodule(name).weight[:] += 0.1
        same = [torch.equal(one, other) for one, other in zip(first, states(layer, features), strict=True)]
        assert same == [True] * unchanged + [False] * (4 - unchanged)


def test_a_step_looks_one_pixel_further() -> None:
    for steps in range(4):
        # Positive weights and no normalisation that reaches over the whole map: nothing cancels.
        layer = conv(steps).eval()
        for weight in layer.parameters():
            weight.data.abs_()
        features = images(1, 4, 11, 11).requires_grad_()
        layer(features)[0, 0, 5, 5].backward()
        seen = features.grad[0].abs().sum(dim=0).nonzero()
        assert (seen.min(), seen.max()) == (5 - 1 - steps, 5 + 1 + steps)


def test_one_convolution_for_both_is_the_case_of_equal_weights() -> None:
    """What LeeJunHyun/Image_Segmentation builds, w * (x + F(t - 1)), is ours where w_r = w_f."""
    layer, features = conv(2), images(2, 4, 6, 6)
    layer.recurrent_conv.weight = layer.forward_conv.weight
    plain = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    plain.load_state_dict(
        {"0.weight": layer.forward_conv.weight, "1.weight": layer.normal.weight, "1.bias": layer.normal.bias}, strict=False
    )
    state = plain(features)
    for _ in range(2):
        state = plain(features + state)
    torch.testing.assert_close(layer(features), state)


def test_the_unit_adds_its_input_to_two_layers_of_it() -> None:
    unit, features = RecurrentResidualUnit(3, 4, 2, style("group")), images(2, 3, 6, 6)
    first, second = unit.layers
    projected = F.conv2d(features, unit.project.weight, unit.project.bias)
    assert projected.shape == (2, 4, 6, 6)
    torch.testing.assert_close(unit(features), projected + second(first(projected)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_layers_that_do_nothing_let_the_input_through(norm: str, activation: str) -> None:
    for inner in (3, 4):
        unit = RecurrentResidualUnit(inner, 4, 2, style(norm, activation))
        for layer in unit.layers:
            nn.init.zeros_(layer.forward_conv.weight)
            nn.init.zeros_(layer.recurrent_conv.weight)
        features = images(2, inner, 5, 4)
        assert torch.equal(unit(features), features if inner == 4 else unit.project(features))


def test_equal_channels_need_no_projection() -> None:
    assert not [*RecurrentResidualUnit(4, 4, 2, style()).project.parameters()]


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("norm", NORMS)
def test_gradients_are_those_of_its_function(norm: str, steps: int) -> None:
    """A sum in place must not overwrite what the backward pass reads."""
    torch.manual_seed(0)
    unit = RecurrentResidualUnit(2, 3, steps, style(norm, "elu")).double()
    features = images(2, 2, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda given, *weights: unit(given), (features, *unit.parameters()), fast_mode=True)


def test_dropout_drops_whole_maps_behind_the_sum() -> None:
    torch.manual_seed(0)
    unit = RecurrentResidualUnit(3, 64, 1, style(dropout=0.5), dropout=True)
    features = images(1, 3, 6, 6)
    dropped = (unit(features) == 0).all(dim=(2, 3))[0]
    assert 16 < dropped.sum() < 48
    assert isinstance(RecurrentResidualUnit(3, 4, 1, style(dropout=0.5)).drop, nn.Identity)
