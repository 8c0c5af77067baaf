"""Batch normalisation in a recurrence: torch's own at each step, with statistics of its own and shared weights."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.models.layers.recurrent_norm import RecurrentBatchNorm


def maps(seed: int, count: int = 3) -> Tensor:
    """Random maps of 4 channels whose mean and variance depend on the seed."""
    return seed + (seed + 1) * torch.randn(count, 4, 5, 6, generator=torch.Generator().manual_seed(seed))


def test_each_step_is_a_batch_norm_of_its_own_and_the_weights_are_one() -> None:
    norm, single = RecurrentBatchNorm(4, 3), [nn.BatchNorm2d(4) for _ in range(3)]
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.uniform_(norm.bias)
    for each in single:
        each.load_state_dict({"weight": norm.weight, "bias": norm.bias}, strict=False)
    for batch in range(2):
        for step, each in enumerate(single):
            given = maps(10 * batch + step)
            assert torch.equal(norm(given, step), each(given))
    for step, each in enumerate(single):
        assert torch.equal(norm.running_mean[step], each.running_mean)
        assert torch.equal(norm.running_var[step], each.running_var)
        assert norm.num_batches_tracked == each.num_batches_tracked
        assert torch.equal(norm.eval()(maps(7), step), each.eval()(maps(7)))
    assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]


def test_evaluation_changes_no_statistics() -> None:
    norm = RecurrentBatchNorm(4, 2)
    norm(maps(3), 1)
    before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
    norm.eval()(maps(5), 1)
    assert all(torch.equal(before[name], tensor) for name, tensor in norm.state_dict().items())
    assert torch.equal(norm.running_mean[0], torch.zeros(4))


def test_its_state_goes_into_another_and_predicts_the_same() -> None:
    norm, other = RecurrentBatchNorm(4, 2), RecurrentBatchNorm(4, 2)
    norm(maps(1), 0)
    norm(maps(2), 1)
    other.load_state_dict(norm.state_dict())
    assert torch.equal(norm.eval()(maps(4), 1), other.eval()(maps(4), 1))
    with pytest.raises(RuntimeError, match="size mismatch for running_mean"):
        RecurrentBatchNorm(4, 3).load_state_dict(norm.state_dict())
