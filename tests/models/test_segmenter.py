"""The wrapper around every network: normalising, padding, cutting, and what logits mean."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segpipe.models.segmenter import Scales, Segmenter, classes_of, clips, n_logits_for

MEAN, DEVIATION = [0.5, 0.25], [0.25, 0.5]


class Seen(nn.Module):
    """Gives back what it was given, and keeps it."""

    def forward(self, image: Tensor) -> Tensor:
        self.image = image
        return image


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 16), (9, 7), (16, 17)])
def test_normalises_pads_with_the_mean_colour_and_cuts_back(height: int, width: int) -> None:
    network = Seen()
    image = torch.rand(2, 2, height, width)
    logits = Segmenter(network, 8, MEAN, DEVIATION)(image)
    wanted = torch.stack([(image[:, 0] - 0.5) / 0.25, (image[:, 1] - 0.25) / 0.5], dim=1)
    torch.testing.assert_close(logits, wanted)
    rows, columns = -(-height // 8) * 8, -(-width // 8) * 8
    assert network.image.shape == (2, 2, rows, columns)
    assert not network.image[..., height:, :].any()
    assert not network.image[..., :, width:].any()


class Blocks(nn.Module):
    """The mean of each square of `side` pixels, and keeps what it was given."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, image: Tensor) -> Tensor:
        self.image = image
        return image.unfold(2, self.side, self.side).unfold(3, self.side, self.side).mean((-1, -2))


@pytest.mark.parametrize("scales", [Scales(2, 2), Scales(2, 1), Scales(4, 4), Scales(4, 2), Scales(4, 1)])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 16), (9, 7)])
def test_an_enlarged_image_has_logits_of_its_own_size(height: int, width: int, scales: Scales) -> None:
    """By OpenCV's enlargement; a pixel's logits are the mean of those of its squares, which the network took together or not."""
    network, image = Blocks(scales.image // scales.logits), torch.rand(2, 2, height, width)
    logits = Segmenter(network, 8, MEAN, DEVIATION, scales=scales)(image)
    normalised = torch.stack([(image[:, 0] - 0.5) / 0.25, (image[:, 1] - 0.25) / 0.5], dim=1)
    size = (scales.image * width, scales.image * height)
    enlarged = np.stack(
        [[cv2.resize(plane.numpy(), size, interpolation=cv2.INTER_LINEAR) for plane in each] for each in normalised]
    ).reshape(2, 2, *size[::-1])
    rows, columns = (-(-side // 8) * 8 for side in size[::-1])
    padded = np.pad(enlarged, ((0, 0), (0, 0), (0, rows - size[1]), (0, columns - size[0])))
    np.testing.assert_allclose(network.image.numpy(), padded, atol=1e-5)
    wanted = enlarged.reshape(2, 2, height, scales.image, width, scales.image).mean((3, 5))
    np.testing.assert_allclose(logits.numpy(), wanted, atol=1e-5)


def test_percentile_clips_to_0_and_1_and_no_other_rule_does() -> None:
    network = Seen()
    image = torch.rand(2, 2, 8, 8)
    logits = Segmenter(network, 8, MEAN, DEVIATION, clips("percentile"))(image)
    wanted = torch.stack([(image[:, 0] - 0.5) / 0.25, (image[:, 1] - 0.25) / 0.5], dim=1)
    assert wanted.min() < 0 and wanted.max() > 1
    torch.testing.assert_close(logits, wanted.clamp(0, 1))
    assert not any(map(clips, ("dataset", "imagenet", "none")))


def test_mean_and_deviation_are_saved_and_do_not_learn() -> None:
    segmenter = Segmenter(nn.Conv2d(2, 1, 1), 1, MEAN, DEVIATION)
    assert segmenter.state_dict()["mean"].flatten().tolist() == MEAN
    assert segmenter.state_dict()["deviation"].flatten().tolist() == DEVIATION
    assert [name for name, _ in segmenter.named_parameters()] == ["network.weight", "network.bias"]


@pytest.mark.parametrize(("n_classes", "n_logits"), [(2, 1), (3, 3), (21, 21)])
def test_two_classes_need_one_logit(n_classes: int, n_logits: int) -> None:
    assert n_logits_for(n_classes) == n_logits


def test_one_logit_is_an_object_where_it_is_positive() -> None:
    logits = torch.tensor([[[-1.0, 0.0, 1e-6, 3.0]]])
    found = classes_of(logits)
    assert found.tolist() == [[0, 0, 1, 1]]
    assert found.dtype == torch.uint8


def test_the_largest_logit_is_the_class_and_the_first_of_equals() -> None:
    logits = torch.tensor([[[1.0, 2.0, 0.0]], [[0.0, 2.0, 5.0]], [[-1.0, 9.0, 5.0]]])
    assert classes_of(logits).tolist() == [[0, 2, 1]]
    assert classes_of(logits[None]).shape == (1, 1, 3)
