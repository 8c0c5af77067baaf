"""Prediction: any size, the same whole or in tiles, back at the image's own resolution."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from segpipe.errors import DataError
from segpipe.inference import predict
from segpipe.params.schema import InferParams
from tests.dataset.packs import noise
from tests.inference.cards import small

CPU = torch.device("cpu")
WHOLE = InferParams(max_pixels=10**6, tile=64, overlap=0.25, flips="none", scales=(1.0,))
TILED = InferParams(max_pixels=4096, tile=64, overlap=0.25, flips="none", scales=(1.0,))


def echo(image: Tensor) -> Tensor:
    """A model without context: its logits are the image's values."""
    return image * 4 - 2


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 47), (64, 64)])
def test_logits_have_the_images_size(size: tuple[int, int]) -> None:
    segmenter, card = small()
    assert predict.predict_logits(segmenter, noise(0, *size), card.infer, 0, CPU).shape == (3, *size)


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0.0, 0.25, 0.5]))
def test_without_context_tiles_give_what_the_whole_gives(height: int, width: int, overlap: float) -> None:
    image, params = noise(0, height, width), TILED.model_copy(update={"overlap": overlap, "max_pixels": 4096})
    whole = predict.predict_logits(echo, image, WHOLE, 0, CPU)
    assert torch.allclose(predict.predict_logits(echo, image, params, 0, CPU), whole, atol=1e-5)


def test_tiles_are_used_above_the_budget_and_only_there() -> None:
    sizes: list[tuple[int, ...]] = []

    def watch(image: Tensor) -> Tensor:
        sizes.append(tuple(image.shape[2:]))
        return echo(image)

    predict.predict_logits(watch, noise(0, 64, 64), TILED, 0, CPU)
    assert sizes == [(64, 64)]
    sizes.clear()
    predict.predict_logits(watch, noise(0, 65, 100), TILED, 0, CPU)
    assert len(sizes) == 4
    assert set(sizes) == {(64, 64)}


def test_large_images_are_shrunk_and_their_logits_enlarged() -> None:
    sizes: list[tuple[int, ...]] = []

    def watch(image: Tensor) -> Tensor:
        sizes.append(tuple(image.shape[2:]))
        return echo(image)

    logits = predict.predict_logits(watch, noise(0, 100, 200), WHOLE, 50, CPU)
    assert sizes == [(25, 50)]
    assert logits.shape == (3, 100, 200)


@pytest.mark.parametrize("cast", [lambda image: image, lambda image: image.astype(np.uint16) * 257])
def test_sixteen_bits_mean_what_eight_mean(cast: Callable[[np.ndarray], np.ndarray]) -> None:  # type: ignore[type-arg]
    image = noise(0)
    found = predict.predict_logits(echo, cast(image), WHOLE, 0, CPU)
    wanted = torch.from_numpy(image.transpose(2, 0, 1)).float() / 255 * 4 - 2
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("long_side", [0, 150])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("size", [(24, 32), (150, 201), (64, 300), (201, 70)])
def test_ids_alone_are_those_of_the_logits(size: tuple[int, int], classes: int, long_side: int) -> None:
    segmenter, _ = small(classes)
    image = noise(0, *size)
    wanted = predict.predict_classes(segmenter, image, TILED, long_side, CPU, "image").classes
    assert np.array_equal(predict.predict_ids(segmenter, image, TILED, long_side, CPU, "image"), wanted)


def test_ids_alone_are_refused_where_a_logit_is_not_finite() -> None:
    def broken(image: Tensor) -> Tensor:
        return torch.full_like(image, torch.nan)

    with pytest.raises(DataError, match="image: the model's logits for it are not finite"):
        predict.predict_ids(broken, noise(0, 100, 100), TILED, 0, CPU, "image")
