"""Confidence maps: the probability of the class called, kept of the best and the worst images alone, however many go by."""

from collections.abc import Sequence

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from segpipe.evaluation import ScoredImage
from segpipe.inference import confidence_maps
from segpipe.inference.confidence_maps import KEPT, ConfidenceMaps
from segpipe.scores import extremes
from segpipe.scores.counts import confusion, image_dice
from segpipe.scores.levels import levels


def scored(item: str, right: int) -> ScoredImage:
    """An image of ten pixels of an object, `right` of which are found; none has no object, and no Dice."""
    mask = np.ones((1, 10), np.uint8) if right else np.zeros((1, 10), np.uint8)
    seen = (np.arange(10)[None] < right).astype(np.uint8)
    sure = np.full((1, 10), 0.5 + 0.04 * right, np.float32)
    return ScoredImage(item, mask, seen, confusion(mask, seen, 2), {}, levels(np.stack([1 - sure, sure])))


def noted(images: Sequence[ScoredImage]) -> ConfidenceMaps:
    found = ConfidenceMaps(has_background=True)
    assert list(found.noting(images)) == list(images)
    return found


@example([*range(11)] * 12)
@given(st.lists(st.integers(0, 10), max_size=150))
def test_those_that_are_kept_are_the_extremes_of_all(right: list[int]) -> None:
    images = [scored(f"{number:03d}", each) for number, each in enumerate(right)]
    found = noted(images)
    dice = {each.id: image_dice(each.counts, True) for each in images}
    best, worst = extremes.best_and_worst(dice, KEPT)
    maps = found.of_the_extremes()
    assert found.dice == dice and list(maps) == [*best, *worst]
    assert len(found.maps) <= 4 * KEPT
    for item, values in maps.items():
        # The object's probability where it was called so, else that of background.
        sure = 0.5 + 0.04 * right[int(item)]
        np.testing.assert_allclose(values, 255 * np.where(np.arange(10)[None] < right[int(item)], sure, 1 - sure), atol=0.6)


def test_a_map_is_the_probability_of_the_class_that_was_called_of_the_shrunk_image() -> None:
    probabilities = np.zeros((3, 2, 900), np.float32)
    probabilities[0], probabilities[1], probabilities[2] = 0.2, 0.6, 0.2
    mask = np.zeros((2, 900), np.uint8)
    for called, wanted in ((1, 153), (0, 51)):
        image = ScoredImage("a", mask, mask + np.uint8(called), confusion(mask, mask, 3), {}, levels(probabilities))
        found = confidence_maps.confidence(image)
        assert found.shape == (1, 400) and found.dtype == np.uint8 and set(found.ravel().tolist()) == {wanted}
