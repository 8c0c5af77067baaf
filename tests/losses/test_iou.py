"""The soft Jaccard index against smp's, and its known tie to Dice."""

import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.losses.dice import dice
from segpipe.losses.iou import iou
from segpipe.losses.regions import SMOOTH
from segpipe.record import IGNORE
from tests.losses.suite import random_case

LOG3 = 1.0986122886681098


def test_by_hand() -> None:
    logits = torch.tensor([[[[LOG3, -LOG3, 0.0, 40.0]]]])
    target = torch.tensor([[[1, 1, 0, IGNORE]]])
    overlap, union = 3 / 4 + 1 / 4, 2 + 1 / 2
    torch.testing.assert_close(iou(logits, target, True), torch.tensor([1 - (overlap + SMOOTH) / (union + SMOOTH)]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_on_an_image_with_every_class_it_is_smps(seed: int) -> None:
    logits, target = random_case(seed, 1, 4)
    target.flatten()[:4] = torch.arange(4)
    for background, classes in ((True, [1, 2, 3]), (False, [0, 1, 2, 3])):
        theirs = smp.losses.JaccardLoss("multiclass", classes=classes, smooth=SMOOTH, ignore_index=IGNORE)(logits, target)
        torch.testing.assert_close(iou(logits, target, background)[0], theirs, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_of_one_class_it_follows_from_dice(seed: int) -> None:
    logits, target = random_case(seed, 3, 1)
    score = 1 - dice(logits, target, True)
    torch.testing.assert_close(1 - iou(logits, target, True), score / (2 - score), rtol=1e-5, atol=1e-6)
