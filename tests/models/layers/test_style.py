"""What all layers have in common: each choice by name, and what it does to a map."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.models.layers.style import ACTIVATIONS, GROUP, InstanceNorm, Style, groups, widths

PLAIN = Style("relu", "batch", 0.0, "transposed")

BY_HAND = {
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "silu": lambda x: x / (1 + (-x).exp()),
}


def styled(norm: str) -> Style:
    return Style("relu", norm, 0.0, "transposed")


def random(*shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(0)) + 1


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_is_its_formula(name: str) -> None:
    act = Style(name, "batch", 0.0, "transposed").activation_layer()
    values = random(1000)
    torch.testing.assert_close(act(values.clone()), BY_HAND[name](values))


@pytest.mark.parametrize(("name", "maps"), [("relu", 5), ("leaky_relu", 5), ("elu", 5), ("silu", 6)])
def test_the_maps_that_a_block_keeps_for_its_backward_pass(name: str, maps: int) -> None:
    """What each convolution, normalisation and activation reads or gives, once; SiLU alone cannot do with what it gives."""
    block = Style(name, "batch", 0.0, "transposed").double_conv(8, 8)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    given = random(2, 8, 32, 32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = block(given)  # Alive, so that no other map takes its place in memory.
    assert result.shape == given.shape
    size = given.untyped_storage().nbytes()
    assert sum(nbytes == size for nbytes in kept.values()) == maps


@pytest.mark.parametrize(
    ("norm", "axes"),
    [("batch", (0, 2, 3)), ("instance", (2, 3))],
)
def test_normalises_over_what_its_name_says(norm: str, axes: tuple[int, ...]) -> None:
    found = styled(norm).norm_layer(6)(random(4, 6, 8, 10))
    torch.testing.assert_close(found.mean(dim=axes), torch.zeros_like(found.mean(dim=axes)), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var(dim=axes, correction=0), torch.ones_like(found.mean(dim=axes)), atol=1e-4, rtol=0)


def test_group_normalisation_takes_16_channels_of_an_image_together() -> None:
    found = styled("group").norm_layer(32)(random(3, 32, 8, 10)).view(3, 2, 16, 8, 10)
    for count, take in ((0.0, found.mean(dim=(2, 3, 4))), (1.0, found.var(dim=(2, 3, 4), correction=0))):
        torch.testing.assert_close(take, torch.full_like(take, count), atol=1e-4, rtol=0)


@pytest.mark.parametrize("norm", ["batch", "group", "instance"])
def test_each_norm_learns_a_scale_and_a_shift_a_channel_and_starts_without(norm: str) -> None:
    layer = styled(norm).norm_layer(32)
    assert sorted((name, tuple(weight.shape)) for name, weight in layer.named_parameters()) == [
        ("bias", (32,)),
        ("weight", (32,)),
    ]
    assert layer.weight.eq(1).all() and layer.bias.eq(0).all()


@pytest.mark.parametrize(
    ("channels", "count"),
    [(1, 1), (8, 1), (15, 1), (16, 1), (24, 1), (32, 2), (35, 1), (36, 2), (40, 2), (48, 3), (64, 4), (2048, 128)],
)
def test_groups_by_hand(channels: int, count: int) -> None:
    assert groups(channels) == count


def test_groups_come_out_even_and_are_no_smaller_than_16_channels() -> None:
    for channels in range(1, 2049):
        count = groups(channels)
        assert channels % count == 0
        assert count == 1 or channels // count >= GROUP


def test_instance_normalisation_is_torchs() -> None:
    ours, theirs = InstanceNorm(6, affine=True), nn.InstanceNorm2d(6, affine=True)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    features = random(2, 6, 5, 7)
    assert torch.equal(ours(features), theirs(features))
    assert torch.equal(ours.eval()(features), theirs.eval()(features))


def test_instance_normalisation_of_one_pixel_is_its_shift_and_an_error_in_training() -> None:
    norm = InstanceNorm(6, affine=True)
    nn.init.normal_(norm.bias)
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        norm(random(2, 6, 1, 1))
    found = norm.eval()(random(2, 6, 1, 1))
    torch.testing.assert_close(found, norm.bias.view(1, -1, 1, 1).expand(2, 6, 1, 1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_enlarging_doubles_the_size(upsample: str) -> None:
    up = Style("relu", "batch", 0.0, upsample).up(6, 4)
    assert up(random(2, 6, 3, 5)).shape == (2, 4, 6, 10)
    sizes = {"transposed": 6 * 4 * 2 * 2 + 4, "resize": 6 * 4 * 3 * 3 + 4}
    assert sum(weight.numel() for weight in up.parameters()) == sizes[upsample]


def test_resizing_repeats_each_pixel_before_its_convolution() -> None:
    up = Style("relu", "batch", 0.0, "resize").up(6, 4)
    features = random(2, 6, 3, 5)
    repeated = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(up(features), up[1](repeated))


def test_a_transposed_convolution_makes_4_pixels_of_one_and_overlaps_none() -> None:
    up = PLAIN.up(1, 1)
    nn.init.constant_(up.bias, 0.0)
    features = torch.zeros(1, 1, 3, 3)
    features[0, 0, 1, 1] = 2.0
    found = up(features)
    assert torch.equal(found[0, 0, 2:4, 2:4], 2 * up.weight[0, 0])
    assert found.count_nonzero() == 4


def test_dropout_takes_whole_maps_in_training_only() -> None:
    block = Style("relu", "batch", 0.5, "transposed").double_conv(3, 64, dropout=True)
    nn.init.constant_(block[4].bias, 5.0)
    torch.manual_seed(0)
    zeros = block(random(4, 3, 8, 8)).eq(0).all(dim=3).all(dim=2)
    assert 0.3 < zeros.float().mean() < 0.7
    assert block.eval()(random(4, 3, 8, 8)).eq(0).all(dim=3).all(dim=2).sum() == 0


def test_no_dropout_no_layer() -> None:
    without = [PLAIN.double_conv(3, 4, dropout=True), Style("relu", "batch", 0.5, "transposed").double_conv(3, 4)]
    assert [isinstance(module, nn.Dropout2d) for block in without for module in block.modules()].count(True) == 0


def test_widths_double_from_one_number_and_stay_as_listed() -> None:
    assert widths(16, 5) == [16, 32, 64, 128, 256]
    assert widths((8, 12, 30), 3) == [8, 12, 30]
