"""Soft counts by hand, which classes count, and their mean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.losses.regions import SMOOTH, SoftCounts, counted_classes, mean_over_classes, soft_counts, wrong_share
from segpipe.record import IGNORE
from tests.losses.suite import random_case

FIELDS = ("pixels", "overlap", "false_positives", "false_negatives")


def test_counts_by_hand() -> None:
    probabilities = torch.tensor([[0.5, 0.2, 0.1, 0.9], [0.25, 0.2, 0.1, 0.05], [0.25, 0.6, 0.8, 0.05]])
    counts = soft_counts(probabilities.log()[None, :, None], torch.tensor([[[0, 2, 1, IGNORE]]]))
    assert counts.pixels.tolist() == [[1, 1, 1]]
    torch.testing.assert_close(counts.overlap, torch.tensor([[0.5, 0.1, 0.6]]))
    torch.testing.assert_close(counts.false_positives, torch.tensor([[0.3, 0.45, 1.05]]))
    torch.testing.assert_close(counts.false_negatives, torch.tensor([[0.5, 0.9, 0.4]]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_one_logit_counts_as_the_two_logits_0_and_z(seed: int) -> None:
    logits, target = random_case(seed, 3, 1)
    one, two = soft_counts(logits, target), soft_counts(torch.cat([torch.zeros_like(logits), logits], dim=1), target)
    for name in FIELDS:
        torch.testing.assert_close(getattr(one, name), getattr(two, name), rtol=1e-5, atol=1e-5)


def test_the_classes_that_count() -> None:
    pixels = torch.tensor([[5, 0, 2], [7, 0, 0], [0, 0, 0], [0, 3, 0]])
    assert counted_classes(pixels, True).int().tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert counted_classes(pixels, False).int().tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_the_mean_is_over_the_classes_that_count_by_their_weights() -> None:
    losses = torch.tensor([[0.9, 0.2, 0.6]]).expand(3, 3)
    counted = torch.tensor([[False, True, True], [True, False, False], [False, False, False]])
    assert mean_over_classes(losses, counted).tolist() == pytest.approx([0.4, 0.9, 0])
    assert mean_over_classes(losses, counted, (5.0, 1.0, 3.0)).tolist() == pytest.approx([(0.2 + 3 * 0.6) / 4, 0.9, 0])
    assert mean_over_classes(losses, counted, (0.0, 0.0, 3.0)).tolist() == pytest.approx([0.6, 0, 0])


def test_the_share_of_the_wrong_by_hand() -> None:
    counts = SoftCounts(torch.tensor([[9]]), *(torch.tensor([[value]]) for value in (6.0, 2.0, 3.0)))
    assert wrong_share(counts, 0.5, 0.5).item() == pytest.approx(2.5 / (8.5 + SMOOTH))
    assert wrong_share(counts, 0.3, 0.7).item() == pytest.approx(1 - (6 + SMOOTH) / (6 + 0.6 + 2.1 + SMOOTH))
