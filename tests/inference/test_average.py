"""Mean probabilities over flips and models: what they are, and that a flip of the image flips them, to the bit where it can."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from segpipe.inference import average, predict
from segpipe.models.segmenter import probabilities_of
from segpipe.params.schema import InferParams
from tests.dataset.packs import noise
from tests.inference.cards import small

CPU = torch.device("cpu")
FLIPS: dict[str, Callable[[Tensor], Tensor]] = {
    "left and right": lambda image: image.flip(-1),
    "up and down": lambda image: image.flip(-2),
    "half turn": lambda image: image.rot90(2, (-2, -1)),
    "quarter turn": lambda image: image.rot90(1, (-2, -1)),
    "three quarters": lambda image: image.rot90(3, (-2, -1)),
    "diagonal": lambda image: image.transpose(-2, -1),
    "other diagonal": lambda image: image.rot90(2, (-2, -1)).transpose(-2, -1),
}
HOLDS = [("horizontal", ["left and right"]), ("both", ["left and right", "up and down", "half turn"]), ("all", [*FLIPS])]


def whole_numbers(seed: int, channels: int, *size: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(-3, 4, (1, channels, *size)).astype(np.float32))


def one_sided(image: Tensor) -> Tensor:
    """A model that knows left from right and up from down, in whole numbers, whose sums are exact."""
    return image + 2 * image.roll(1, -1) - image.roll(2, -2) + image.roll((1, 3), (-2, -1))


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize(("flips", "flip"), [(flips, name) for flips, names in HOLDS for name in names])
def test_a_flip_of_the_image_flips_the_mean_to_the_bit(flips: str, flip: str, classes: int) -> None:
    mean = average.over_flips(one_sided, flips)
    # An odd size, so that nothing lies where it lay.
    image = whole_numbers(0, classes, 37, 41)
    assert not torch.equal(FLIPS[flip](one_sided(image)), one_sided(FLIPS[flip](image))), "alone it does not"
    assert torch.equal(mean(FLIPS[flip](image)), FLIPS[flip](mean(image)))


@pytest.mark.parametrize("flips", ["horizontal", "both", "all"])
@pytest.mark.parametrize("classes", [1, 3])
def test_a_model_that_knows_no_side_is_its_own_mean(flips: str, classes: int) -> None:
    logits = whole_numbers(1, classes, 30, 20)
    found = average.over_flips(lambda image: image, flips)(logits)
    assert torch.allclose(probabilities_of(found), probabilities_of(logits), atol=1e-6)


@pytest.mark.parametrize(("flips", "views"), average.VIEWS.items())
def test_the_mean_is_that_of_so_many_different_views(flips: str, views: int) -> None:
    seen: list[Tensor] = []

    def watch(image: Tensor) -> Tensor:
        seen.append(image.clone())
        return one_sided(image)

    image = whole_numbers(2, 3, 8, 8)
    found = average.over_flips(watch, flips)(image)
    assert len({each.numpy().tobytes() for each in map(Tensor.contiguous, seen)}) == len(seen) == views
    assert torch.equal(average._turned(image, 5), image.rot90(-1, (-2, -1)))
    each = [average._back(one_sided(average._turned(image, view)), view) for view in range(views)]
    assert torch.allclose(probabilities_of(found), torch.stack([*map(probabilities_of, each)]).mean(0), atol=1e-6)


@pytest.mark.parametrize("classes", [1, 4])
def test_models_are_averaged_by_their_probabilities(classes: int) -> None:
    logits = [whole_numbers(seed, classes, 9, 7) * 4 for seed in range(3)]
    found = average.over_models([lambda _, each=each: each for each in logits])(logits[0])
    expected = torch.stack([probabilities_of(each) for each in logits]).mean(0)
    assert torch.allclose(probabilities_of(found), expected, atol=1e-6)
    assert average.over_models([one_sided]) is one_sided


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_so_and_what_is_stays_finite(classes: int, value: float) -> None:
    good, broken = torch.full((1, classes, 2, 2), 1e30), torch.zeros(1, classes, 2, 2)
    good[:, 0] = -1e30
    broken[:, 0, 0, 0] = value
    assert average.mean_logits([good, good]).isfinite().all()
    found = average.mean_logits([broken, torch.zeros_like(broken)])
    assert not found[0, :, 0, 0].isfinite().all()


@pytest.mark.parametrize("tile", [64, 512])
def test_a_network_s_prediction_turns_with_the_image_whole_and_in_tiles(tile: int) -> None:
    segmenter, _ = small()
    params = InferParams(max_pixels=4096, tile=tile, overlap=0.25, flips="all", scales=(1.0,))
    image = noise(0, 100, 100)
    found = predict.predict_logits(segmenter, image, params, 0, CPU)
    turned = predict.predict_logits(segmenter, np.ascontiguousarray(np.rot90(image)), params, 0, CPU)
    assert torch.allclose(turned, found.rot90(1, (-2, -1)), atol=1e-3)
    alone = predict.predict_logits(segmenter, image, params.model_copy(update={"flips": "none"}), 0, CPU)
    assert (found.softmax(0) - alone.softmax(0)).abs().max() > 0.01


@pytest.mark.parametrize("classes", [1, 3])
def test_the_mean_over_scales_is_that_of_each_size_brought_back(classes: int) -> None:
    sizes: list[tuple[int, ...]] = []

    def watch(image: Tensor) -> Tensor:
        sizes.append((*image.shape[-2:],))
        return image * 3

    image = whole_numbers(4, classes, 17, 31)
    found = average.over_scales(watch, (0.5, 1.0, 1.5))(image)
    assert sizes == [(8, 16), (17, 31), (26, 46)]
    small = torch.nn.functional.interpolate(image, (8, 16), mode="bilinear", antialias=True)
    large = torch.nn.functional.interpolate(image, (26, 46), mode="bilinear")
    back = [torch.nn.functional.interpolate(each, (17, 31), mode="bilinear", antialias=True) for each in (small, image, large)]
    assert torch.allclose(probabilities_of(found), torch.stack([probabilities_of(3 * each) for each in back]).mean(0), atol=1e-5)
    assert average.over_scales(watch, (1.0,)) is watch
    one = average.over_scales(watch, (0.01,))(image)
    assert sizes[-1] == (1, 1) and torch.allclose(one, one[..., :1, :1], atol=1e-5)


def test_scales_and_flips_of_a_network_turn_with_the_image_and_change_it() -> None:
    segmenter, _ = small()
    params = InferParams(max_pixels=4096, tile=64, overlap=0.25, flips="all", scales=(0.75, 1.0, 1.25))
    image = noise(0, 100, 100)
    found = predict.predict_logits(segmenter, image, params, 0, CPU)
    turned = predict.predict_logits(segmenter, np.ascontiguousarray(np.rot90(image)), params, 0, CPU)
    assert torch.allclose(turned, found.rot90(1, (-2, -1)), atol=1e-3)
    alone = predict.predict_logits(segmenter, image, params.model_copy(update={"scales": (1.0,)}), 0, CPU)
    assert (found.softmax(0) - alone.softmax(0)).abs().max() > 0.01
