"""How far a prediction is trusted: values by hand, and that parts of an image add up to the whole."""

import numpy as np
import pytest
import torch
from torch import Tensor

from segpipe.inference.average import mean_logits
from segpipe.inference.trust import Trust
from segpipe.params.decision import ARGMAX, Decision


def logits_of(rows: list[list[int]], sure: float = 20.0, classes: int = 3) -> Tensor:
    """Logits (1, K, H, W) of a model that is so sure of these ids."""
    return torch.nn.functional.one_hot(torch.tensor(rows), classes).permute(2, 0, 1)[None] * sure


def agreement(*models: list[list[int]], has_background: bool = True) -> float:
    trust = Trust(3, has_background, len(models), ARGMAX)
    logits = [logits_of(rows) for rows in models]
    trust.see_models(logits)
    trust.see_block(mean_logits(logits)[0])
    return trust.score()


def test_models_that_agree_and_those_that_do_not() -> None:
    assert agreement([[0, 1, 1, 2]], [[0, 1, 1, 2]]) == 1.0
    assert agreement([[0, 1, 1, 2]], [[0, 0, 0, 0]]) == 0.0
    # Objects have 2 pixels in each, of which one is the same class in both.
    assert agreement([[0, 1, 1, 0]], [[0, 1, 0, 2]]) == pytest.approx(2 / 4)
    assert agreement([[0, 1, 1, 0]], [[0, 1, 2, 0]]) == pytest.approx(2 / 4)
    # The mean of the pairs: 1, 2/3 and 2/3.
    assert agreement([[0, 1, 1, 0]], [[0, 1, 1, 0]], [[0, 1, 0, 0]]) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_where_no_model_has_an_object_they_agree_and_without_background_all_classes_count() -> None:
    assert agreement([[0, 0, 0, 0]], [[0, 0, 0, 0]]) == 1.0
    assert agreement([[0, 0, 1, 1]], [[0, 0, 0, 1]]) == pytest.approx(2 / 3)
    assert agreement([[0, 0, 1, 1]], [[0, 0, 0, 1]], has_background=False) == pytest.approx(6 / 8)


def test_one_model_by_its_own_probabilities() -> None:
    probabilities = torch.tensor([[0.1, 0.7, 0.5, 0.9], [0.8, 0.3, 0.0, 0.0], [0.1, 0.0, 0.5, 0.1]])[:, None]
    trust = Trust(3, True, 1, ARGMAX)
    trust.see_block(probabilities.clamp(min=1e-30).log())
    # Predicted are 1, 0, 0 (the first of equal ones), 0.
    assert trust.score() == pytest.approx(0.8)
    nothing = Trust(3, True, 1, ARGMAX)
    nothing.see_block(probabilities[:, :, 1:].clamp(min=1e-30).log())
    assert nothing.score() == pytest.approx((0.7 + 0.5 + 0.9) / 3)


def test_one_logit_stands_for_two_classes() -> None:
    trust = Trust(2, True, 1, ARGMAX)
    trust.see_block(torch.tensor([[[2.0, -5.0]]]))
    assert trust.score() == pytest.approx(1 / (1 + np.exp(-2.0)))
    # By a threshold below its probability the second pixel is an object, too, and one that the model is not sure of.
    bold = Trust(2, True, 1, Decision("threshold", 0.005))
    bold.see_block(torch.tensor([[[2.0, -5.0]]]))
    assert bold.score() == pytest.approx((1 / (1 + np.exp(-2.0)) + 1 / (1 + np.exp(5.0))) / 2)


@pytest.mark.parametrize("models", [1, 3])
def test_parts_add_up_to_the_whole(models: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(1, 3, 8, 10, generator=generator) for _ in range(models)]
    scores = []
    for parts in ([slice(0, 10)], [slice(0, 3), slice(3, 10)]):
        trust = Trust(3, True, models, ARGMAX)
        for part in parts:
            if models > 1:
                trust.see_models([each[..., part] for each in logits])
            trust.see_block(logits[0][0, ..., part])
        scores.append(trust.score())
    assert scores[0] == pytest.approx(scores[1], rel=1e-7)
    assert 0 < scores[0] < 1
