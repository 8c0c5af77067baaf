"""What images add up to, one by one or together, and read back."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe.scores import average_precision, calibration, object_sizes, surface
from segpipe.scores.counts import mean
from segpipe.scores.details import DETAIL_SCORES, DetailCounter, Details
from segpipe.scores.levels import levels


def image(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint16]]:
    """A random truth of three classes with blocks, what a model would predict, and its levels."""
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 3, (5, 6)), np.ones((8, 8))).astype(np.uint8)
    truth[random.random(truth.shape) < 0.05] = 255
    logits = random.normal(size=(3, *truth.shape)).astype(np.float32)
    np.put_along_axis(logits, np.minimum(truth, 2)[None].astype(int), 2.0, axis=0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=0)
    return truth, shares.argmax(axis=0).astype(np.uint8), levels(shares)


def counted(*seeds: int) -> Details:
    counter = DetailCounter(3, has_background=True, tolerance=2.0)
    for seed in seeds:
        counter.add(*image(seed))
    return counter.details()


def test_they_are_the_scores_of_the_functions_over_all_images() -> None:
    images = [image(seed) for seed in range(4)]
    found = counted(*range(4)).scores(has_background=True)
    assert [*found] == [*DETAIL_SCORES]
    precision = average_precision.average_precision(sum(average_precision.level_counts(each[2], each[0]) for each in images))
    assert found["map"] == mean(precision)
    outlines = [surface.surfaces(truth, seen, 3, 2.0) for truth, seen, _ in images]
    assert found["boundary_f"] == mean(surface.boundary_f(sum(each.counts for each in outlines))[1:])
    assert found["surface_dice"] == mean(surface.surface_dice(sum(each.counts for each in outlines))[1:])
    assert found["hd95"] == pytest.approx(mean(mean(each.hd95[number] for each in outlines) for number in (1, 2)))
    assert found["ece"] == calibration.calibration_error(
        sum(calibration.reliability(known, truth, seen) for truth, seen, known in images)
    )
    objects = sum(object_sizes.object_counts(truth, seen, 3) for truth, seen, _ in images)
    assert np.array_equal(counted(*range(4)).objects, objects)


def test_they_come_back_from_json_as_they_were() -> None:
    found = counted(1, 2)
    again = Details.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json() and again.scores(False) == found.scores(False)


@pytest.mark.parametrize("change", [{"hd95": []}, {"objects": [1]}, {"tolerance": "wide"}, {"reliability": None}])
def test_what_is_none_of_ours_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, IndexError)):
        Details.from_json(counted(1).to_json() | change)


def test_an_image_that_is_ignored_wholly_changes_nothing() -> None:
    counter = DetailCounter(3, has_background=True, tolerance=2.0)
    counter.add(*image(1))
    truth, seen, known = image(2)
    counter.add(np.full_like(truth, 255), seen, known)
    assert counter.details().to_json() == counted(1).to_json()


def test_without_an_image_there_is_no_score() -> None:
    assert set(counted().scores(True).values()) == {None}
