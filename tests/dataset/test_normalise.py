"""Normalisation reads the training images only, and ImageNet's numbers fit three channels only."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segpipe.annotations.convert import convert
from segpipe.dataset import normalise, pack
from segpipe.errors import PipelineError
from segpipe.record import DatasetInfo
from tests.annotations.data_params import data_params
from tests.dataset.packs import made, noise
from tests.images.tiff_files import Page, tiff


def test_only_the_rows_that_are_given_count(tmp_path: Path) -> None:
    mask = np.ones((24, 32), np.uint8)
    data = made(tmp_path, {"a": (noise(0), mask), "b": (np.full((24, 32, 3), 255, np.uint8), mask)})
    mean, deviation = normalise.statistics("dataset", data.index.loc[["a"]], data.info)
    assert np.allclose(mean, (noise(0) / 255).mean(axis=(0, 1)))
    assert np.allclose(deviation, (noise(0) / 255).std(axis=(0, 1)))


def test_none_leaves_values_alone(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (noise(0), np.ones((24, 32), np.uint8))})
    assert normalise.statistics("none", data.index, data.info) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_centred_brings_black_to_minus_one_and_white_to_one(channels: int) -> None:
    info = DatasetInfo(("background", "object"), True, channels, 16, 4)
    mean, deviation = (np.array(each) for each in normalise.statistics("centred", pd.DataFrame(), info))
    for value, wanted in ((0.0, -1.0), (0.5, 0.0), (1.0, 1.0)):
        assert np.array_equal((value - mean) / deviation, np.full(channels, wanted))


def test_imagenet_is_refused_for_gray(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (noise(0, channels=1), np.ones((24, 32), np.uint8))})
    with pytest.raises(PipelineError, match=r"input.normalise: imagenet is for 3 channels, and the data has 1"):
        normalise.statistics("imagenet", data.index, data.info)


def deep_pack(root: Path, images: dict[str, np.ndarray]) -> pack.Pack:
    """A pack of 16-bit TIFFs, converted as the stage does."""
    for name, array in images.items():
        for path, content in (("images", array), ("masks", (array[..., 0] > 1000).astype(np.uint8))):
            target = root / "own" / path / f"{name}.tif"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tiff(Page(content)))
    examination, info = convert(data_params(root / "own", "masks"), (), root / "spool", 1)
    pack.write(root / "prepared", examination.records, info)
    return pack.open_pack(root / "prepared")


def test_percentile_is_not_moved_by_hot_pixels_or_one_strange_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plain = {name: rng.integers(1000, 3000, (40, 50, 5), dtype=np.uint16) for name in "abc"}
    for array in plain.values():
        array[0, :8] = 65535  # 8 of 2,000 pixels are 0.4 %
    strange = {"dark": np.zeros((40, 50, 5), np.uint16)}
    data = deep_pack(tmp_path, plain | strange)
    low, width = normalise.statistics("percentile", data.index, data.info)
    assert np.allclose(low, 1000 / 65535, atol=20 / 65535)
    assert np.allclose(width, 2000 / 65535, atol=40 / 65535)
    _, deviation = normalise.statistics("dataset", data.index, data.info)
    assert min(deviation) > 1.5 * max(width), "which is what the hot pixels do to the other rule"
    ends = [
        np.percentile(array.reshape(-1, 5), share, axis=0, method="inverted_cdf")
        for array in plain.values()
        for share in (0.5, 99.5)
    ]
    columns = data.index.loc[["a", "b", "c"], [f"{kind}_{channel}" for kind in ("low", "high") for channel in range(5)]]
    assert np.array_equal(columns.to_numpy().reshape(6, 5), np.array(ends).astype(int)), "numpy says the same"


def test_percentile_reads_only_the_rows_that_are_given_and_takes_gray_for_each_colour(tmp_path: Path) -> None:
    mask = np.ones((24, 32), np.uint8)
    flat = np.full((24, 32, 1), 50, np.uint8)
    colours = np.dstack([np.full((24, 32), value, np.uint8) for value in (10, 20, 30)])
    colours[:12] += 100
    data = made(tmp_path, {"a": (colours, mask), "b": (colours + 10, mask), "gray": (flat, mask)})
    low, width = normalise.statistics("percentile", data.index.loc[["a", "b"]], data.info)
    assert np.allclose(low, np.array([15, 25, 35]) / 255), "the middle of two"
    assert np.allclose(width, 100 / 255)
    low, _ = normalise.statistics("percentile", data.index, data.info)
    assert np.allclose(low, np.array([20, 30, 40]) / 255)
    assert normalise.statistics("percentile", data.index.loc[["gray"]], data.info) == ([50 / 255] * 3, [1.0] * 3)
