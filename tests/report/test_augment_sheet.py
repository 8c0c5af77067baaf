"""The sheet of augmented samples: what training drew, the same each time."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from segpipe.dataset import pack
from segpipe.dataset.held_crops import HeldCrops
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.errors import PipelineError
from segpipe.images import overlay
from segpipe.images.palette import colours
from segpipe.params.schema import AugmentParams
from segpipe.report import augment_sheet
from tests.report.projects import finished, trained_with
from tests.report.test_examples import shown

IDS = [f"image{number:02d}" for number in range(4, 12)]


@pytest.fixture
def data(tmp_path: Path) -> pack.Pack:
    return pack.open_pack(finished(tmp_path) / "data/prepared")


def sheet(data: pack.Pack, params: dict[str, Any] | None = None, ids: list[str] = IDS) -> augment_sheet.Sheet:
    return augment_sheet.sheet(data, ids, 0, {"params": params or trained_with()})


def test_it_shows_what_the_first_epochs_draw(data: pack.Pack) -> None:
    params = trained_with()
    draws = AugmentedCrops(data, IDS, AugmentParams.model_validate(params["augment"]), 16, 0, params["seed"], 0)
    found = sheet(data)
    assert len(found.rows) == 4
    for item, pictures in found.rows:
        for epoch, content in enumerate(pictures[1:]):
            image, mask = draws.draw(epoch, item)
            wanted = overlay.overlay(overlay.displayed(image), mask, colours(3), augment_sheet.STRENGTH)
            assert np.abs(shown(content).astype(int) - wanted).mean() < 12


def test_of_a_training_by_torchvision_it_shows_what_that_drew(data: pack.Pack) -> None:
    params = trained_with()
    params["augment"] |= {"library": "torchvision"}
    draws = AugmentedCrops(data, IDS, AugmentParams.model_validate(params["augment"]), 16, 0, params["seed"], 0)
    crops = HeldCrops(draws, torch.device("cpu"))
    for item, pictures in sheet(data, params).rows:
        for epoch, content in enumerate(pictures[1:]):
            image, mask = crops.draw(epoch, item)
            as_bytes = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            wanted = overlay.overlay(overlay.displayed(as_bytes), mask.numpy(), colours(3), augment_sheet.STRENGTH)
            assert np.abs(shown(content).astype(int) - wanted).mean() < 12


def test_the_picture_holds_a_row_an_image_and_a_column_a_draw(data: pack.Pack) -> None:
    png: NDArray[Any] = cv2.imdecode(np.frombuffer(sheet(data).png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert png.shape == (4 * (16 + 8), 6 * (20 + 8), 3)
    assert (png[:, :4] == 255).all()
    assert not (png[4:20, 4:24] == 255).all()


def test_it_is_the_same_each_time_and_follows_what_training_follows(data: pack.Pack) -> None:
    assert sheet(data) == sheet(data)
    assert sheet(data).rows != sheet(data, trained_with() | {"seed": 7}).rows
    assert sheet(data).rows != sheet(data, trained_with("plain")).rows


def test_images_with_objects_come_first_whatever_the_order(data: pack.Pack) -> None:
    data.index.loc[IDS[:5], ["pixels_1", "pixels_2"]] = 0
    found = augment_sheet.chosen(data, IDS)
    assert found == augment_sheet.chosen(data, IDS[::-1])
    assert set(found[:3]) == set(IDS[5:])
    assert len(found) == 4


def test_images_that_training_left_out_are_not_shown(data: pack.Pack) -> None:
    params = trained_with()
    params["train"]["limit_images"] = 2
    assert {item for item, _ in sheet(data, params).rows} == set(IDS[:2])


def test_a_training_of_another_version_is_an_error(data: pack.Pack) -> None:
    params = trained_with()
    del params["augment"]["rotate"]
    with pytest.raises(PipelineError, match=r"data/eval/fold0/run\.json: its training had other parameters"):
        augment_sheet.sheet(data, IDS, 0, {"params": params})


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_deep_images_are_stretched_alike_in_all_draws(channels: int) -> None:
    image = np.linspace(1000, 3000, 64 * channels).reshape(8, 8, channels).astype(np.uint16)
    span = augment_sheet._span(image)
    whole = augment_sheet._bytes(image, span)
    assert (whole.min(), whole.max()) == (0, 255)
    darker = augment_sheet._bytes(image.astype(np.float32) / 65535 * 0.8, span)
    assert darker.mean() < whole.mean() - 40
