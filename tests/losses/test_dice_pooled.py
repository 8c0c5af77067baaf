"""Dice pooled over a batch: what it equals, and that it is not the mean of the images."""

import pytest
import torch
from hypothesis import given, settings

from segpipe.losses.dice import dice
from segpipe.losses.dice_pooled import dice_pooled
from segpipe.losses.regions import SMOOTH
from segpipe.record import IGNORE
from tests.losses.suite import cases, gradient, random_case


@settings(max_examples=25, deadline=None)
@given(cases)
def test_it_is_the_dice_of_all_images_laid_out_as_one(case: tuple[int, int, int]) -> None:
    logits, target = random_case(*case)
    found, slope = gradient(lambda given, truth: dice_pooled(given, truth, True), logits, target)
    tall = torch.cat([*logits], dim=1)[None], torch.cat([*target])[None]
    as_one, other = gradient(lambda given, truth: dice(given, truth, True), *tall)
    torch.testing.assert_close(found, as_one.expand(len(target)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(torch.cat([*slope], dim=1)[None], other, rtol=1e-4, atol=1e-6)


def test_a_small_object_weighs_little_beside_a_large_one() -> None:
    target = torch.zeros(2, 8, 8, dtype=torch.long)
    target[0, 0, 0], target[1, :, 4:] = 1, 1
    logits = torch.where(target == 1, 30.0, -30.0)[:, None]
    logits[0, :, 0, 0] = -30  # the object of one pixel is missed
    missed = 0.5 / (0.5 + SMOOTH)
    assert dice(logits, target, True).tolist() == pytest.approx([missed, 0])
    assert dice_pooled(logits, target, True).tolist() == pytest.approx([0.5 / (32 + 0.5 + SMOOTH)] * 2)


def test_the_images_without_objects_count_with_those_that_have_some() -> None:
    target = torch.zeros(2, 4, 4, dtype=torch.long)
    target[0, :, 2:] = 1
    invented = torch.where(target == 1, 30.0, -30.0)[:, None]
    invented[1] = 30
    assert dice_pooled(invented, target, True).tolist() == pytest.approx([8 / (8 + 8 + SMOOTH)] * 2)
    target[:] = IGNORE
    assert dice_pooled(invented, target, True).tolist() == [0, 0]
