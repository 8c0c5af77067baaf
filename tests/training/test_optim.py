"""Optimizers: the first steps by hand, and what they learn."""

from typing import get_args

import pytest
import torch
from torch import nn

from segpipe.params.schema import OptimParams
from segpipe.training import optim
from tests.training.suite import model, optim_params


class Two(nn.Module):
    """Two numbers, of which the second must not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0]))
        self.frozen = nn.Parameter(torch.tensor([5.0]), requires_grad=False)


def after(params: OptimParams, gradients: list[float]) -> float:
    """The weight 2 after steps with these gradients."""
    two = Two()
    optimizer = optim.build(params, two)
    for gradient in gradients:
        two.weight.grad = torch.tensor([gradient])
        optimizer.step()
    assert two.frozen.item() == 5
    return two.weight.item()


def test_names_are_those_that_params_allows() -> None:
    assert set(optim.OPTIMIZERS) == set(get_args(OptimParams.model_fields["name"].annotation))


def test_sgd_by_hand() -> None:
    params = optim_params(name="sgd", lr=0.1, momentum=0.5, weight_decay=0.01)
    first = 2 - 0.1 * (1 + 0.01 * 2)
    second = first - 0.1 * (0.5 * (1 + 0.01 * 2) + (3 + 0.01 * first))
    assert after(params, [1.0]) == pytest.approx(first)
    assert after(params, [1.0, 3.0]) == pytest.approx(second)


def test_adam_adds_the_decay_to_the_gradient() -> None:
    assert after(optim_params(name="adam", lr=0.1, weight_decay=0.0), [4.0]) == pytest.approx(2 - 0.1)
    assert after(optim_params(name="adam", lr=0.1, weight_decay=1.0), [-1.0]) == pytest.approx(2 - 0.1)


def test_adamw_takes_the_decay_from_the_weight() -> None:
    assert after(optim_params(name="adamw", lr=0.1, weight_decay=0.5), [4.0]) == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_every_weight_that_can_learn_is_there_once(name: str) -> None:
    segmenter = model()
    next(segmenter.parameters()).requires_grad_(False)
    groups = optim.build(optim_params(name=name), segmenter).param_groups
    held = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(held) == sorted(id(weight) for weight in segmenter.parameters() if weight.requires_grad)
    assert all(group["lr"] == 0.01 for group in groups)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
@pytest.mark.parametrize(("rate", "shares"), [(1.0, [1.0, 1.0]), (0.1, [0.1, 1.0]), (0.0, [1.0])])
def test_the_encoder_is_a_group_of_its_own_with_its_share(name: str, rate: float, shares: list[float]) -> None:
    segmenter = model()
    encoder = segmenter.network.get_submodule("encoder")
    inside = {id(weight) for weight in encoder.parameters()}
    groups = optim.build(optim_params(name=name, encoder_rate=rate), segmenter, encoder).param_groups
    assert [group["lr_scale"] for group in groups] == shares
    held = [{id(weight) for weight in group["params"]} for group in groups]
    assert held[-1] == {id(weight) for weight in segmenter.parameters()} - inside
    assert held[:-1] == [inside] * (len(shares) - 1)


def test_a_group_without_weights_is_none() -> None:
    segmenter = model()
    encoder = segmenter.network.get_submodule("encoder").requires_grad_(False)
    assert len(optim.build(optim_params(), segmenter, encoder).param_groups) == 1
