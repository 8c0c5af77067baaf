"""Tversky's loss and its focal sister: by hand, against smp's, and where they meet Dice and IoU."""

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.losses.dice import dice
from segpipe.losses.focal_tversky import focal_tversky
from segpipe.losses.iou import iou
from segpipe.losses.regions import SMOOTH
from segpipe.losses.tversky import tversky
from segpipe.record import IGNORE
from tests.losses.suite import cases, gradient, perfect, random_case

LOG3 = 1.0986122886681098
ONE = torch.tensor([[[[LOG3, -LOG3, 0.0, 40.0]]]])
TRUTH = torch.tensor([[[1, 1, 0, IGNORE]]])
HALF, WHOLE = (0.5, 0.5), (1.0, 1.0)


def test_by_hand_alpha_is_for_false_positives_and_beta_for_false_negatives() -> None:
    overlap, invented, missed = 3 / 4 + 1 / 4, 1 / 2, 1 / 4 + 3 / 4
    wanted = 1 - (overlap + SMOOTH) / (overlap + 0.3 * invented + 0.7 * missed + SMOOTH)
    assert tversky(ONE, TRUTH, 0.3, 0.7, True).item() == pytest.approx(wanted)
    assert focal_tversky(ONE, TRUTH, 0.3, 0.7, 4 / 3, True).item() == pytest.approx(wanted**0.75)


def test_the_power_is_each_classs_own() -> None:
    logits, target = torch.zeros(1, 3, 1, 6), torch.tensor([[[1, 1, 1, 2, 0, 0]]])
    each = []
    for pixels in (3, 1):
        wrong = 0.3 * (6 - pixels) / 3 + 0.7 * pixels * 2 / 3
        each.append(wrong / (pixels / 3 + wrong + SMOOTH))
    assert tversky(logits, target, 0.3, 0.7, True).item() == pytest.approx(sum(each) / 2)
    assert focal_tversky(logits, target, 0.3, 0.7, 2.0, True).item() == pytest.approx((each[0] ** 0.5 + each[1] ** 0.5) / 2)
    weighted = focal_tversky(logits, target, 0.3, 0.7, 2.0, True, (9.0, 1.0, 3.0))
    assert weighted.item() == pytest.approx((each[0] ** 0.5 + 3 * each[1] ** 0.5) / 4)


@settings(max_examples=25, deadline=None)
@given(cases, st.booleans())
def test_equal_prices_are_dice_and_iou(case: tuple[int, int, int], background: bool) -> None:
    logits, target = random_case(*case)
    assert torch.equal(tversky(logits, target, *HALF, background), dice(logits, target, background))
    assert torch.equal(tversky(logits, target, *WHOLE, background), iou(logits, target, background))
    plain = tversky(logits, target, 0.3, 0.7, background)
    torch.testing.assert_close(focal_tversky(logits, target, 0.3, 0.7, 1.0, background), plain, rtol=1e-6, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_on_an_image_with_every_class_it_is_smps(seed: int) -> None:
    logits, target = random_case(seed, 1, 4)
    target.flatten()[:4] = torch.arange(4)
    keys = {"smooth": SMOOTH, "ignore_index": IGNORE, "alpha": 0.2, "beta": 0.9}
    theirs = smp.losses.TverskyLoss("multiclass", classes=[1, 2, 3], **keys)(logits, target)
    torch.testing.assert_close(tversky(logits, target, 0.2, 0.9, True)[0], theirs, rtol=1e-5, atol=1e-6)
    # Theirs takes the power of the mean, which is the same for one class.
    one = torch.where(target == IGNORE, target, (target == 2).long())
    theirs = smp.losses.TverskyLoss("binary", gamma=1 / 1.5, **keys)(logits[:, :1], one[:, None])
    torch.testing.assert_close(focal_tversky(logits[:, :1], one, 0.2, 0.9, 1.5, True)[0], theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_logits", [1, 4])
def test_the_root_has_a_finite_slope_where_all_is_right(n_logits: int) -> None:
    _, target = random_case(1, 2, n_logits)
    right = perfect(target, n_logits, certainty=200.0)
    losses, slope = gradient(lambda given, truth: focal_tversky(given, truth, 0.3, 0.7, 3.0, True), right, target)
    assert losses.tolist() == [0, 0]
    assert slope.isfinite().all()
