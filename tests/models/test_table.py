"""The table of models, and what every model in it must do whatever its name."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from segpipe.diagnostics import deterministic_ops
from segpipe.losses.table import Classes
from segpipe.losses.table import build as build_loss
from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import MODELS, build
from segpipe.params.schema import ModelParams
from tests import plain_params
from tests.models.suite import ROOT, SMALL, STYLED, images, segmenter_of, small, targets

LOSS = build_loss(plain_params.PARAMS.loss, Classes(True))
COUNTED = {
    "unet": "test_unet.py",
    "unetpp": "test_unetpp.py",
    "attention_unet": "test_attention_unet.py",
    "r2unet": "test_r2unet.py",
    "attention_r2unet": "test_attention_r2unet.py",
    "pretrained_attention_r2unet": "test_pretrained_attention_r2unet.py",
    "sa_unet": "test_sa_unet.py",
    "resnet_unet": "test_resnet_unet.py",
    "laplacian_fpn": "test_laplacian_fpn.py",
    "simple_unet": "test_simple_unet.py",
}
"""Where the weights of each architecture of ours are counted by hand, or against its paper; smp's are counted there."""

each_name = pytest.mark.parametrize("name", MODELS)
each_style = pytest.mark.parametrize("params", STYLED.values(), ids=STYLED)


def untaught(segmenter: Segmenter, image: torch.Tensor) -> list[str]:
    """The weights that get no gradient from one step on the image, or a gradient that is 0 or not finite everywhere."""
    logits = segmenter.train()(image)
    count, _, height, width = image.shape
    assert logits.shape[-4:] == (count, 4, height, width)
    # Random coefficients: each pixel and class pulls its own way, and nothing cancels out.
    pull = torch.randn(logits.shape, generator=torch.Generator().manual_seed(3))
    (logits * pull).sum().backward()
    gradients = {key: weight.grad for key, weight in segmenter.named_parameters()}
    return [key for key, grad in gradients.items() if grad is None or not grad.any() or not grad.isfinite().all()]


@each_name
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 33, 47), (3, 65, 31), (5, 33, 65)])
def test_each_weight_learns_from_one_image_of_any_size_and_any_channels(
    name: str, channels: int, height: int, width: int
) -> None:
    assert untaught(small(name, channels), images(1, channels, height, width)) == []


@each_style
def test_each_weight_learns_in_every_style_by_steps_that_a_gpu_repeats(params: ModelParams) -> None:
    segmenter, image, found = segmenter_of(params), images(2, 3, 33, 47), list[str]()
    operations = deterministic_ops.operations(lambda: found.extend(untaught(segmenter, image)))
    assert found == []
    deterministic_ops.require_repeatable(operations)


@each_name
def test_the_real_loss_goes_down_along_its_gradient(name: str) -> None:
    """In training mode, with the images' own statistics: the direction is right, and not only there."""
    segmenter = small(name)
    for module in segmenter.modules():
        if type(module).__name__.startswith("Drop"):
            module.eval()
    image, target = images(2, 3, 33, 47), targets(2, 4, 33, 47)
    before = LOSS(segmenter(image), target)["loss"].mean()
    gradients = torch.autograd.grad(before, list(segmenter.parameters()))
    length = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    with torch.no_grad():
        for weight, gradient in zip(segmenter.parameters(), gradients, strict=True):
            weight.sub_(0.002 * gradient / length)
        assert LOSS(segmenter(image), target)["loss"].mean() < before


@each_name
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (129, 3)])
def test_predicts_images_of_a_pixel_and_of_a_line(name: str, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = small(name).eval()(images(1, 3, *size))
    assert logits.shape == (1, 4, *size)
    assert logits.isfinite().all()


@each_style
def test_predicts_one_pixel_in_every_style(params: ModelParams) -> None:
    with torch.no_grad():
        assert segmenter_of(params).eval()(images(1, 3, 1, 1)).isfinite().all()


@each_name
def test_one_image_whose_deepest_map_is_one_pixel_cannot_teach_batch_normalisation(name: str) -> None:
    """One value has no spread. stages/train.py tells it in a sentence; two images will do, and so will a larger crop."""
    segmenter = small(name)
    if not any(isinstance(module, nn.BatchNorm2d) for module in segmenter.modules()):
        pytest.skip("it has no batch normalisation")
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        segmenter(images(1, 3, 1, 1))
    assert segmenter(images(2, 3, 1, 1)).isfinite().all()


@each_name
@pytest.mark.parametrize("n_classes", [2, 3, 21])
def test_one_logit_for_two_classes_else_one_each(name: str, n_classes: int) -> None:
    built = build(SMALL[name], 3, n_logits_for(n_classes))
    with torch.no_grad():
        logits = built.network.eval()(torch.zeros(1, 3, built.stride, 2 * built.stride))
    assert logits.shape == (1, 1 if n_classes == 2 else n_classes, built.stride, 2 * built.stride)


@each_name
def test_its_encoder_can_be_frozen_by_itself(name: str) -> None:
    network = small(name).network
    encoder = {id(weight) for weight in network.get_submodule("encoder").parameters()}
    params = {id(weight) for weight in network.parameters()}
    assert encoder < params


@each_name
def test_predicts_the_same_each_time_and_for_each_image_alone(name: str) -> None:
    segmenter = small(name).eval()
    batch = images(3, 3, 40, 64)
    before = {key: tensor.clone() for key, tensor in segmenter.state_dict().items()}
    with torch.no_grad():
        together = segmenter(batch)
        assert torch.equal(together, segmenter(batch))
        alone = torch.cat([segmenter(image[None]) for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[key], tensor) for key, tensor in segmenter.state_dict().items())


@each_name
def test_the_order_of_bytes_in_memory_does_not_matter(name: str) -> None:
    segmenter, image = small(name).eval(), images(2, 3, 33, 47)
    with torch.no_grad():
        contiguous = segmenter(image)
        last = segmenter.to(memory_format=torch.channels_last)(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(contiguous, last, rtol=1e-4, atol=1e-5)


@each_name
def test_half_precision_gives_finite_logits_near_those_of_single(name: str) -> None:
    segmenter, image = small(name), images(2, 3, 33, 47)
    segmenter(image)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert segmenter(image).isfinite().all()
        half = segmenter.eval()(image)
    with torch.no_grad():
        single = segmenter(image)
    assert half.isfinite().all()
    # bfloat16 keeps 8 bits, and some tens of layers add up: as far apart as rounding alone brings them.
    assert (half.float() - single).abs().mean() < 0.1 * single.std()


@each_name
def test_a_training_step_repeats_itself_on_a_gpu(name: str) -> None:
    segmenter, image, target = small(name), images(2, 3, 33, 47), targets(2, 4, 33, 47)
    operations = deterministic_ops.operations(lambda: LOSS(segmenter(image), target)["loss"].mean().backward())
    assert "convolution_backward" in operations
    deterministic_ops.require_repeatable(operations)


@each_name
def test_weights_follow_from_the_seed(name: str) -> None:
    first, again = small(name).state_dict(), small(name).state_dict()
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    built = build(SMALL[name], 3, n_logits_for(4))
    assert any(not torch.equal(first[f"network.{key}"], tensor) for key, tensor in built.network.state_dict().items())


@each_name
def test_without_weights_there_is_no_hash(name: str) -> None:
    assert build(SMALL[name], 3, 1).weights_sha256 is None


@pytest.mark.parametrize("name", COUNTED)
def test_its_weights_are_counted_in_a_test_of_its_own(name: str) -> None:
    file = ROOT / "tests" / "models" / COUNTED[name]
    assert file.is_file(), "each architecture has a file of its own in which its weights are counted by hand"
    assert "parameters()" in file.read_text(encoding="utf-8")


def test_a_model_imports_its_own_branch_only() -> None:
    code = (
        "import sys; from tests.models.suite import small; small('unet');"
        "print(*{'torchvision', 'timm', 'segmentation_models_pytorch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
