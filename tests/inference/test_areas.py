"""Areas and objects by class, held against OpenCV's connected components."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segpipe.inference import areas as module
from segpipe.inference.areas import Area, areas


def test_by_hand_corners_connect_and_classes_do_not() -> None:
    ids = np.array([[1, 0, 0, 2], [0, 1, 2, 2], [1, 0, 0, 1]], np.uint8)
    assert areas(ids, 4) == [Area(5, 1, 5), Area(4, 2, 3), Area(3, 1, 3), Area(0, 0, 0)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))
def test_they_are_those_of_opencv_however_the_rows_are_cut(seed: int, height: int, width: int, classes: int) -> None:
    ids = np.random.default_rng(seed).integers(0, classes, (height, width)).astype(np.uint8)
    wanted = []
    for number in range(classes + 1):
        count, _, boxes, _ = cv2.connectedComponentsWithStats((ids == number).astype(np.uint8), connectivity=8)
        sizes = boxes[1:, cv2.CC_STAT_AREA].tolist()
        wanted.append(Area(sum(sizes), count - 1, max(sizes, default=0)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "STRIP", 3 * width)
        assert areas(ids, classes + 1) == wanted
