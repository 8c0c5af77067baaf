"""Attention maps: what the gates multiply by, at the image's size, and nothing left behind."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.inference.attention_maps import ATTENTION, attention_maps
from segpipe.params.architectures import ARCHITECTURES
from tests.models.suite import SMALL, images, segmenter_of, small

GATED = [name for name, record in ARCHITECTURES.items() if record.has_attention]


@pytest.mark.parametrize("name", GATED)
def test_each_level_gives_a_map_as_large_as_the_image(name: str) -> None:
    segmenter, image = small(name).eval(), images(2, 3, 33, 47)
    found = attention_maps(segmenter, image)
    strides = [each.stride for each in found]
    assert strides and strides == sorted(set(strides))
    assert len(found) == sum(isinstance(module, ATTENTION) for module in segmenter.modules())
    for each in found:
        assert each.values.shape == (2, 33, 47)
        assert each.values.dtype == torch.float32
        assert ((each.values >= 0) & (each.values <= 1)).all()


def test_levels_are_told_by_their_stride() -> None:
    image = images(1, 3, 16, 24)
    assert [each.stride for each in attention_maps(small("attention_unet").eval(), image)] == [2, 4]
    assert [each.stride for each in attention_maps(small("sa_unet").eval(), image)] == [8]


@pytest.mark.parametrize("name", ["attention_unet", "attention_r2unet", "sa_unet"])
def test_a_map_is_what_the_features_are_multiplied_by(name: str) -> None:
    """The factor between what goes into a gate and what comes out, enlarged; nothing is known of it where the features are 0."""
    segmenter, image = small(name).eval(), images(1, 3, 40, 56)
    factors: dict[int, Tensor] = {}

    def divide(gate: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        factors[40 // out.shape[2]] = out.sum(dim=1, keepdim=True) / given[0].sum(dim=1, keepdim=True)

    for module in segmenter.modules():
        if isinstance(module, ATTENTION):
            module.register_forward_hook(divide)
    for each in attention_maps(segmenter, image):
        wanted = F.interpolate(factors[each.stride], scale_factor=each.stride, mode="bilinear")[:, 0]
        known = wanted.isfinite()
        assert known.float().mean() > 0.9
        torch.testing.assert_close(each.values[known], wanted[known], rtol=1e-3, atol=1e-4)


def test_of_an_enlarged_image_a_map_is_the_mean_of_each_pixels_squares() -> None:
    """What the plain model shows of an image that was enlarged beforehand."""
    params = SMALL["attention_unet"]
    enlarging, plain = segmenter_of(params.model_copy(update={"input_scale": 2})).eval(), segmenter_of(params).eval()
    image = images(1, 3, 15, 22)
    before = attention_maps(plain, F.interpolate(image, scale_factor=2, mode="bilinear"))
    for own, whole in zip(attention_maps(enlarging, image), before, strict=True):
        assert own.stride == whole.stride
        torch.testing.assert_close(own.values, F.avg_pool2d(whole.values, 2), rtol=1e-4, atol=1e-5)


def test_the_padding_is_cut_off() -> None:
    segmenter, image = small("attention_unet").eval(), images(1, 3, 33, 47)
    padded = torch.full((1, 3, 40, 48), 0.4)  # the mean colour
    padded[..., :33, :47] = image
    for own, whole in zip(attention_maps(segmenter, image), attention_maps(segmenter, padded), strict=True):
        assert torch.equal(own.values, whole.values[:, :33, :47])


def test_the_network_is_left_as_it_was() -> None:
    segmenter, image = small("attention_unet").eval(), images(1, 3, 16, 16)
    state = {name: value.clone() for name, value in segmenter.state_dict().items()}
    with torch.inference_mode():
        before = segmenter(image)
        attention_maps(segmenter, image)
        assert torch.equal(segmenter(image), before)
    with pytest.raises(RuntimeError):
        attention_maps(segmenter, images(1, 5, 16, 16))
    assert not any(module._forward_hooks for module in segmenter.modules())
    assert all(torch.equal(value, state[name]) for name, value in segmenter.state_dict().items())


def test_without_gates_there_is_no_map() -> None:
    assert attention_maps(small("unet").eval(), images(1, 3, 16, 16)) == []
