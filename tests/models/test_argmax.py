"""The largest logit of each pixel is what torch's argmax says, for every layout, with ties, infinities and NaN."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segpipe.models import argmax
from segpipe.models.segmenter import classes_of

ODD = [0.0, -0.0, 1.0, -1.0, 1e-45, math.inf, -math.inf, math.nan]


@st.composite
def all_logits(draw: st.DrawFn) -> Tensor:
    """(N, K, H, W) of few values, so that most pixels have ties, in either layout and maybe cut out of a larger map."""
    n, k, height, width = (draw(st.integers(low, high)) for low, high in ((1, 2), (2, 9), (1, 9), (1, 9)))
    values = torch.tensor(ODD[: draw(st.sampled_from([2, 4, 7, 8]))])
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    found = values[torch.randint(len(values), (n, k, height + 2, width + 3), generator=generator)]
    if draw(st.booleans()):
        found = found.contiguous(memory_format=torch.channels_last)
    return found[..., :height, :width] if draw(st.booleans()) else found


@settings(max_examples=150, deadline=None)
@given(all_logits(), st.sampled_from([1, 7, 1 << 15]))
def test_it_is_torchs_argmax(logits: Tensor, slab: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argmax, "SLAB", slab)
        found = classes_of(logits)
    assert found.dtype == torch.uint8
    assert torch.equal(found, logits.argmax(dim=1).to(torch.uint8))
    assert torch.equal(classes_of(logits[0]), found[0])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_many_classes_over_several_slabs(layout: torch.memory_format) -> None:
    logits = torch.randn(1, 255, 40, 1000, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    assert logits[0, 0].numel() > argmax.SLAB
    assert torch.equal(classes_of(logits), logits.argmax(dim=1).to(torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_kinds_of_numbers_too(dtype: torch.dtype) -> None:
    logits = torch.tensor([[[1.0, 2.0, 0.0]], [[0.0, 2.0, 5.0]], [[-1.0, 9.0, 5.0]]], dtype=dtype)
    assert classes_of(logits).tolist() == [[0, 2, 1]]


def test_what_is_still_to_be_differentiated_has_classes_too() -> None:
    assert classes_of(torch.ones(3, 2, 2, requires_grad=True)).tolist() == [[0, 0], [0, 0]]


def test_one_logit_that_is_no_number_is_background() -> None:
    assert classes_of(torch.tensor([[[math.nan, math.inf, -math.inf, -0.0]]])).tolist() == [[0, 1, 0, 0]]


def test_nothing_is_written_into_the_logits() -> None:
    logits = np.array([[[3.0]], [[4.0]], [[math.nan]]], np.float32)
    before = logits.copy()
    assert argmax.largest(logits).tolist() == [[2]]
    assert np.array_equal(logits, before, equal_nan=True)
