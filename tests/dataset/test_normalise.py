"""Normalisation reads the training images only, and ImageNet's numbers fit three channels only."""

from pathlib import Path

import numpy as np
import pytest

from segpipe.dataset import normalise
from segpipe.errors import PipelineError
from tests.dataset.packs import made, noise


def test_only_the_rows_that_are_given_count(tmp_path: Path) -> None:
    mask = np.ones((24, 32), np.uint8)
    data = made(tmp_path, {"a": (noise(0), mask), "b": (np.full((24, 32, 3), 255, np.uint8), mask)})
    mean, deviation = normalise.statistics("dataset", data.index.loc[["a"]], data.info)
    assert np.allclose(mean, (noise(0) / 255).mean(axis=(0, 1)))
    assert np.allclose(deviation, (noise(0) / 255).std(axis=(0, 1)))


def test_none_leaves_values_alone(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (noise(0), np.ones((24, 32), np.uint8))})
    assert normalise.statistics("none", data.index, data.info) == ([0.0] * 3, [1.0] * 3)


def test_imagenet_is_refused_for_gray(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (noise(0, channels=1), np.ones((24, 32), np.uint8))})
    with pytest.raises(PipelineError, match=r"input.normalise: imagenet is for 3 channels, and the data has 1"):
        normalise.statistics("imagenet", data.index, data.info)
