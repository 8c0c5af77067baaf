"""How well classes are told apart, by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segpipe.diagnostics.separation import separation, separation_by_class


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """(1, K, 1, P) logits with these probabilities, a row a class."""
    return torch.tensor(probabilities).log().view(1, len(probabilities), 1, -1)


def test_by_hand() -> None:
    logits = logits_of([[0.7, 0.2, 0.1, 0.5], [0.2, 0.5, 0.3, 0.2], [0.1, 0.3, 0.6, 0.3]])
    target = torch.tensor([[[0, 1, 2, 2]]])
    found = separation_by_class(logits, target)
    wanted = {0: 0.7 - (0.2 + 0.1 + 0.5) / 3, 1: 0.5 - (0.2 + 0.3 + 0.2) / 3, 2: (0.6 + 0.3) / 2 - (0.1 + 0.3) / 2}
    assert found == pytest.approx(wanted, abs=1e-6)
    assert separation(logits, target) == pytest.approx(sum(wanted.values()) / 3, abs=1e-6)


def test_one_logit_is_two_classes() -> None:
    logits = torch.tensor([2.0, -1.0, 0.5]).view(1, 1, 1, 3)
    target = torch.tensor([[[1, 0, 255]]])
    wanted = float(torch.sigmoid(torch.tensor(2.0)) - torch.sigmoid(torch.tensor(-1.0)))
    assert separation_by_class(logits, target) == pytest.approx({0: wanted, 1: wanted}, abs=1e-6)


@given(st.integers(0, 1000), st.sampled_from([0.01, 0.5]))
def test_a_prediction_that_does_not_look_at_the_image_is_0_however_rare_a_class(seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    target = (torch.rand(2, 16, 16, generator=generator) < share).long()
    constant = torch.randn(1, 3, 1, 1, generator=generator).expand(2, 3, 16, 16)
    assert all(abs(value) < 1e-5 for value in separation_by_class(constant, target).values())


def test_the_truth_is_1_and_its_opposite_below_0() -> None:
    target = torch.arange(3).repeat(8).view(1, 4, 6)
    right = 50.0 * torch.nn.functional.one_hot(target, 3).permute(0, 3, 1, 2)
    assert separation(right, target) == pytest.approx(1)
    assert separation(-right, target) == pytest.approx(-0.5)


def test_one_class_alone_is_told_from_nothing() -> None:
    logits = torch.zeros(1, 3, 2, 2)
    assert separation(logits, torch.zeros(1, 2, 2, dtype=torch.long)) is None
    assert separation(logits, torch.full((1, 2, 2), 255)) is None
    assert separation_by_class(logits, torch.tensor([[[0, 0], [255, 255]]])) == {}
