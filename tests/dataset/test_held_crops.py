"""Batches made where the model trains: the crops that the loader places, the same from any batch on, and what they take."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segpipe.dataset import held_crops, loader
from segpipe.dataset.held_crops import HeldBatches, HeldCrops
from segpipe.dataset.pack import Pack
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.params.schema import AugmentParams
from tests.dataset.packs import made, noise
from tests.dataset.test_augment import ALL, STILL, smooth

CPU = torch.device("cpu")
SIZES = {"a": (64, 80), "b": (33, 48), "c": (20, 90), "d": (10, 12), "e": (32, 32)}
IDS = list(SIZES)
TURNED = {"affine": 1.0, "rotate": 40.0, "scale_min": 0.5, "scale_max": 2.0, "shear": 15.0}


@pytest.fixture(scope="module", params=[1, 3])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    channels = request.param
    images = {
        item: (smooth(*size, channels), noise(number, *size, 1)[:, :, 0] // 100 % 2)
        for number, (item, size) in enumerate(SIZES.items())
    }
    return made(tmp_path_factory.mktemp("held"), images)


def draws(data: Pack, params: AugmentParams, long_side: int = 0) -> AugmentedCrops:
    return AugmentedCrops(data, IDS, params, 32, long_side, seed=3, fold=0)


@pytest.mark.parametrize("keys", [{}, TURNED, TURNED | {"object_crop": 1.0}], ids=["still", "turned", "on objects"])
@pytest.mark.parametrize("long_side", [0, 40])
def test_the_crops_are_the_loaders_but_for_rounding(data: Pack, keys: dict[str, Any], long_side: int) -> None:
    theirs = draws(data, STILL.model_copy(update=keys), long_side)
    ours = HeldCrops(theirs, CPU)
    for item in IDS:
        for epoch in range(6):
            wanted, wanted_mask = theirs.draw(epoch, item)
            image, mask = ours.draw(epoch, item)
            assert (image.dtype, mask.dtype) == (torch.float32, torch.uint8)
            away = np.abs(image.permute(1, 2, 0).numpy() * 255 - wanted)
            if keys:
                # Rounding to bytes is half a level at most; a place beside another's edge is rare.
                assert away.mean() < 0.5
                assert (mask.numpy() != wanted_mask).mean() < 0.01
            else:
                assert away.max() < 1e-3
                assert np.array_equal(mask, wanted_mask)


def test_masks_out_of_step_are_changed_by_the_draws_that_the_loader_takes(data: Pack) -> None:
    keys = {"flip_horizontal": 0.5, "flip_vertical": 0.5}
    apart = HeldCrops(draws(data, STILL.model_copy(update=keys | {"synchronised": False}), 0), CPU)
    together = HeldCrops(draws(data, STILL.model_copy(update=keys), 0), CPU)
    drawn = [(apart.draw(epoch, item), together.draw(epoch, item)) for item in IDS for epoch in range(6)]
    assert all(torch.equal(one[0], other[0]) for one, other in drawn)
    assert not all(torch.equal(one[1], other[1]) for one, other in drawn)
    assert torch.equal(apart.draw(0, IDS[0])[1], torch.from_numpy(apart.draws.draw(0, IDS[0])[1]))


def batches(crops: HeldCrops, epoch: int, first: int = 0) -> list[loader.Batch]:
    order = loader.EpochBatches(IDS, 2, seed=3, fold=0)
    order.epoch, order.first = epoch, first
    return list(HeldBatches(crops, order, threads=2))


def test_batches_are_the_same_from_any_batch_on_and_no_two_epochs_alike(data: Pack) -> None:
    crops = HeldCrops(draws(data, ALL), CPU)
    whole = batches(crops, 1)
    batches(crops, 0)
    later = batches(HeldCrops(draws(data, ALL), CPU), 1, first=1)
    assert [each.ids for each in later] == [each.ids for each in whole[1:]]
    for one, other in zip(whole[1:], later, strict=True):
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.target, other.target)
    channels = data.info.channels
    assert [tuple(each.image.shape) for each in whole] == [(2, channels, 32, 32), (2, channels, 32, 32), (1, channels, 32, 32)]
    assert whole[0].target.dtype == torch.int64
    found, again = (
        {item: image.numpy().tobytes() for each in epoch for item, image in zip(each.ids, each.image, strict=True)}
        for epoch in (whole, batches(crops, 2))
    )
    assert all(found[item] != again[item] for item in IDS)


def test_images_are_decoded_once(data: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draws(data, ALL)
    decoded: list[str] = []
    real = source.decoded
    monkeypatch.setattr(source, "decoded", lambda item: [decoded.append(item), real(item)][1])
    crops = HeldCrops(source, CPU)
    for epoch in range(3):
        batches(crops, epoch)
    assert sorted(decoded) == IDS


@pytest.mark.parametrize("long_side", [0, 40])
def test_the_memory_that_they_take_is_foretold(data: Pack, long_side: int) -> None:
    crops = HeldCrops(draws(data, ALL, long_side), CPU)
    crops.hold(1)
    held = sum(each.image.nbytes + each.mask.nbytes for each in crops._held.values())
    assert held_crops.bytes_held(data.index, IDS, data.info.channels, long_side) == held


def test_a_large_image_is_looked_at_where_the_crop_lies(tmp_path: Path) -> None:
    """Only then does it become float: 12 megapixels would be 144 MB for each sample."""
    image = np.zeros((1000, 1200, 3), np.uint8)
    pack = made(tmp_path, {"large": (image, np.zeros((1000, 1200), np.uint8))})
    crops = HeldCrops(AugmentedCrops(pack, ["large"], STILL.model_copy(update=TURNED), 32, 0, 3, 0), CPU)
    sizes = []
    real = held_crops.unit_values
    held_crops.unit_values = lambda part: [sizes.append(part.shape), real(part)][1]  # type: ignore[assignment]
    try:
        for epoch in range(20):
            crops.draw(epoch, "large")
    finally:
        held_crops.unit_values = real
    # Half the size and turned: at most 32 * 2 * (cos 40 + sin 40 + shear) on a side.
    inside = [shape for shape in sizes if shape[1] < 1000 and shape[2] < 1200]
    assert len(inside) >= 15
    assert max(max(shape[1:]) for shape in inside) < 130
