"""Post-processing: each step against SciPy or by hand, on masks of one and of several classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from segpipe.inference.postprocess import postprocess
from segpipe.params.decision import Step, StepName

EIGHT = np.ones((3, 3))
DISC = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
"""Of radius 1."""

two_classes = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 1))
ids = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))


def after(mask: NDArray[np.uint8], name: StepName, number: int = 0, background: bool = True) -> NDArray[np.uint8]:
    return postprocess(mask, [Step(name, number, (1,))], background)


@given(two_classes)
def test_holes_are_those_of_scipy(mask: NDArray[np.uint8]) -> None:
    assert np.array_equal(after(mask, "fill_holes"), ndimage.binary_fill_holes(mask).astype(np.uint8))


@given(two_classes, st.integers(1, 9))
def test_small_objects_are_those_of_scipy(mask: NDArray[np.uint8], fewest: int) -> None:
    labels, count = ndimage.label(mask, EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = (sizes >= fewest)[labels] & (mask > 0)
    # A mask without a pixel of another class has nobody to give its object to.
    assert np.array_equal(after(mask, "remove_small", fewest), mask if mask.all() else kept.astype(np.uint8))


@given(two_classes)
def test_the_largest_object_is_kept(mask: NDArray[np.uint8]) -> None:
    labels, count = ndimage.label(mask, EIGHT)
    found = after(mask, "keep_largest")
    if count:
        sizes = np.bincount(labels.ravel())[1:]
        assert np.array_equal(found, (labels == 1 + sizes.argmax()).astype(np.uint8))
    else:
        assert np.array_equal(found, mask)


@given(two_classes)
def test_opening_and_closing_are_those_of_scipy(mask: NDArray[np.uint8]) -> None:
    # What is outside erodes nothing (border_value 1), and closing cannot reach the edge from there.
    opened = ndimage.binary_dilation(ndimage.binary_erosion(mask, DISC, border_value=1), DISC)
    closed = ndimage.binary_closing(np.pad(mask, 1), DISC)[1:-1, 1:-1] | (mask > 0)
    assert np.array_equal(after(mask, "open", 1), mask if mask.all() else opened.astype(np.uint8))
    assert np.array_equal(after(mask, "close", 1), closed.astype(np.uint8))


@given(ids, st.sampled_from(["fill_holes", "keep_largest", "open 1", "close 2", "remove_small 4"]), st.booleans())
def test_a_step_changes_its_class_alone_and_comes_to_rest(mask: NDArray[np.uint8], written: str, background: bool) -> None:
    name, *number = written.split()
    step = Step(name, int(number[0]) if number else 0, (2,))  # type: ignore[arg-type]
    before = mask.copy()
    found = postprocess(mask, [step], background)
    assert np.array_equal(mask, before)
    changed = found != mask
    # Each changed pixel was of the class, or is now.
    assert ((mask[changed] == 2) | (found[changed] == 2)).all()
    if background:
        assert (mask[changed & (found == 2)] == 0).all()
    if name in ("fill_holes", "keep_largest"):
        assert np.array_equal(postprocess(found, [step], background), found)


def test_a_speck_inside_an_object_becomes_that_object_and_not_background() -> None:
    mask = np.full((7, 7), 0, np.uint8)
    mask[1:6, 1:6] = 2
    mask[3, 3] = 1
    assert postprocess(mask, [Step("remove_small", 2, (1,))], has_background=True)[3, 3] == 2


def test_steps_follow_one_another_and_classes_too() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 2:7] = 1
    mask[4, 4] = 0
    mask[0, 8] = 1
    found = postprocess(mask, [Step("fill_holes", 0, (1,)), Step("keep_largest", 0, (1,))], has_background=True)
    wanted = np.zeros((9, 9), np.uint8)
    wanted[2:7, 2:7] = 1
    assert np.array_equal(found, wanted)


def test_the_same_array_where_there_is_nothing_to_do() -> None:
    mask = np.zeros((3, 3), np.uint8)
    assert postprocess(mask, [], has_background=True) is mask
    assert after(mask, "fill_holes") is mask


@pytest.mark.parametrize("side", [1, 2])
def test_without_background_a_class_wins_pixels_of_any_class(side: int) -> None:
    mask = np.full((side + 2, side + 2), 1, np.uint8)
    mask[1:-1, 1:-1] = 2
    assert (after(mask, "fill_holes", background=False) == 1).all()
    assert np.array_equal(after(mask, "fill_holes", background=True), mask)
