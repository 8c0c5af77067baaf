"""The attention of an image of any size, and the picture of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segpipe.inference import heat_maps
from segpipe.inference.attention import predict_attention
from segpipe.inference.attention_maps import attention_maps
from segpipe.inference.heat_maps import LARGEST, SMALLEST
from tests.dataset.packs import noise
from tests.inference.cards import PARAMS
from tests.models.suite import small

CPU = torch.device("cpu")
TILES = PARAMS.infer.model_copy(update={"max_pixels": 1000, "tile": 32})


def test_a_whole_image_is_what_the_model_says() -> None:
    segmenter, image = small("attention_unet").eval(), noise(0, 33, 47)
    wanted = attention_maps(segmenter, torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
    found = predict_attention(segmenter, image, PARAMS.infer, 0, CPU)
    assert [stride for stride, _ in found] == [2, 4]
    for (_, values), each in zip(found, wanted, strict=True):
        np.testing.assert_allclose(values, each.values[0], atol=1e-5)


@pytest.mark.parametrize(("infer", "long_side"), [(TILES, 0), (PARAMS.infer, 32), (TILES, 45)])
def test_large_images_are_cut_into_tiles_and_shrunk_as_they_are_predicted(infer: object, long_side: int) -> None:
    found = predict_attention(small("attention_unet").eval(), noise(0, 61, 83), infer, long_side, CPU)  # type: ignore[arg-type]
    assert [stride for stride, _ in found] == [2, 4]
    for _, values in found:
        assert values.shape == (61, 83)
        assert 0 < values.min() < values.max() < 1


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_colours_span_the_values_and_a_tenth_at_least(first: float, second: float) -> None:
    low, high = heat_maps._span(np.array([[first, second]], np.float32))
    assert 0 <= low <= min(first, second) <= max(first, second) <= high <= 1
    assert high - low >= 0.0999
    assert high - low == pytest.approx(max(0.1, abs(first - second)), abs=1e-6)


@pytest.mark.parametrize(
    ("height", "width", "n_levels", "shown", "across"),
    [
        (128, 128, 1, (256, 256), 2),
        (300, 400, 3, (300, 400), 4),
        (1024, 512, 4, (512, 256), 3),
        (3, 3000, 1, (1, 512), 2),
        (90, 1, 1, (256, 3), 2),
    ],
)
def test_panels_stand_in_even_rows(height: int, width: int, n_levels: int, shown: tuple[int, int], across: int) -> None:
    values = np.random.default_rng(0).random((height, width), np.float32)
    picture = heat_maps.heat_maps(noise(0, height, width), [(2**level, values) for level in range(n_levels)])
    rows = -(-(n_levels + 1) // across)
    panel = shown[0] + 2 * heat_maps.LINE + heat_maps.GAP // 2, max(shown[1], SMALLEST)
    assert picture.shape == (rows * (panel[0] + 12) + 12, across * (panel[1] + 12) + 12, 3)
    assert picture.dtype == np.uint8


def test_the_image_comes_first_and_hot_places_are_red() -> None:
    image = np.full((SMALLEST, LARGEST, 3), 90, np.uint8)
    values = np.tile(np.linspace(0.2, 0.7, LARGEST, dtype=np.float32), (SMALLEST, 1))
    picture = heat_maps.heat_maps(image, [(4, values)])
    top, left = heat_maps.GAP + heat_maps.LINE, heat_maps.GAP
    assert np.array_equal(picture[top : top + SMALLEST, left : left + LARGEST], image)
    left += LARGEST + heat_maps.GAP
    row = picture[top + 100, left : left + LARGEST].astype(int)
    assert row[3 * LARGEST // 4, 0] > row[3 * LARGEST // 4, 2] + 50
    assert row[LARGEST // 5, 2] > row[LARGEST // 5, 0] + 50
