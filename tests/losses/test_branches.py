"""Deep supervision: the losses of the branches are averaged, each against the same target (Zhou et al. 2018, equation 2)."""

import pytest
import torch
from torch import Tensor

from segpipe.losses.table import Classes, build
from tests.losses.suite import NAMES, PARAMS, random_case

each_loss = pytest.mark.parametrize("name", NAMES)


def branches_of(n_logits: int) -> tuple[Tensor, Tensor]:
    """Three branches of two images, (3, 2, n_logits, H, W), and their target."""
    cases = [random_case(seed, 2, n_logits) for seed in (1, 2, 3)]
    return torch.stack([logits for logits, _ in cases]), cases[0][1]


@each_loss
@pytest.mark.parametrize("n_logits", [1, 4])
def test_each_cost_is_the_mean_over_the_branches(name: str, n_logits: int) -> None:
    objective = build(PARAMS.model_copy(update={"name": name}), Classes(True))
    branches, target = branches_of(n_logits)
    found, alone = objective(branches, target), [objective(branch, target) for branch in branches]
    assert found.keys() == alone[0].keys()
    for part, values in found.items():
        assert values.shape == (2,)
        torch.testing.assert_close(values, (alone[0][part] + alone[1][part] + alone[2][part]) / 3)


@each_loss
def test_each_branch_gets_its_share_of_the_gradient_and_no_others(name: str) -> None:
    objective = build(PARAMS.model_copy(update={"name": name}), Classes(True))
    branches, target = branches_of(4)
    together = branches.clone().requires_grad_()
    (found,) = torch.autograd.grad(objective(together, target)["loss"].sum(), together)
    for branch, slope in zip(branches, found, strict=True):
        leaf = branch.clone().requires_grad_()
        (alone,) = torch.autograd.grad(objective(leaf, target)["loss"].sum(), leaf)
        assert slope.any()
        torch.testing.assert_close(slope, alone / 3)


def test_a_single_branch_is_the_loss_itself() -> None:
    objective = build(PARAMS, Classes(True))
    logits, target = random_case(1, 2, 4)
    alone, branch = objective(logits, target), objective(logits[None], target)
    assert all(torch.equal(alone[part], branch[part]) for part in alone)


def test_equal_branches_cost_what_one_costs() -> None:
    objective = build(PARAMS, Classes(True))
    logits, target = random_case(1, 2, 4)
    torch.testing.assert_close(objective(logits.expand(4, -1, -1, -1, -1), target)["loss"], objective(logits, target)["loss"])
