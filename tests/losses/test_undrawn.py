"""Where data.shapes.undrawn is ignore, what the network says of pixels on which nothing is drawn is without consequence."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segpipe.annotations.raster.paint import paint
from segpipe.annotations.raster.shape import Shape
from segpipe.scores.counts import confusion, scores
from tests.annotations.raster.drawn_shapes import params, shape
from tests.losses.suite import NAMES, gradient, loss_named

IDS = {"background": 0, "cat": 1, "dog": 2}
SIDE = 8
PLACES = st.integers(-2, SIDE + 2)
SHAPES = st.lists(
    st.builds(
        lambda label, left, top, right, bottom: shape("rectangle", (left, top), (right, bottom), label=label),
        *(st.sampled_from([*IDS]), PLACES, PLACES, PLACES, PLACES),
    ),
    max_size=4,
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(shapes=SHAPES, overlap=st.sampled_from(["order", "priority", "smaller"]), seed=st.integers(0, 10**6))
def test_undrawn_pixels_change_no_loss_no_gradient_and_no_score(name: str, shapes: list[Shape], overlap: str, seed: int) -> None:
    rule = params("exact", overlap, undrawn="ignore")
    mask = paint(shapes, IDS, SIDE, SIDE, rule)
    everywhere = paint([shape("rectangle", (0, 0), (SIDE, SIDE), label="background"), *shapes], IDS, SIDE, SIDE, rule)
    undrawn = mask == 255
    assert np.array_equal(mask[~undrawn], everywhere[~undrawn])
    assume(undrawn.any())
    target, free = torch.from_numpy(mask).long()[None], torch.from_numpy(undrawn)
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(1, 3, SIDE, SIDE, generator=generator)
    other = torch.where(free, 50 * torch.randn(logits.shape, generator=generator), logits)
    losses, slope = gradient(loss_named(name), logits, target)
    other_losses, other_slope = gradient(loss_named(name), other, target)
    assert torch.equal(losses, other_losses)
    assert torch.equal(slope, other_slope)
    assert not slope[:, :, free].any()
    counts = [confusion(mask, each[0].argmax(dim=0).numpy().astype(np.uint8), 3) for each in (logits, other)]
    assert np.array_equal(*counts)
    assert scores([counts[0]], True) == scores([counts[1]], True)
