"""What would not repeat itself on a GPU is seen on any machine, in the backward pass too."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.diagnostics import deterministic_ops
from segpipe.errors import PipelineError
from segpipe.training import loop
from tests.training.suite import batches, run


class Antialiased(nn.Module):
    """How timm resamples the positions of a vision transformer."""

    def forward(self, image: Tensor) -> Tensor:
        return F.interpolate(image, size=(5, 6), mode="bicubic", antialias=True)


def told(layer: nn.Module, size: int = 8) -> str:
    image = torch.rand(2, 3, size, size, requires_grad=True)
    return "\n".join(deterministic_ops.warnings(deterministic_ops.operations(lambda: layer(image).sum().backward())))


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.AdaptiveAvgPool2d(3), "_adaptive_avg_pool2d_backward: torch refuses it on CUDA; average by hand"),
        (nn.AdaptiveMaxPool2d(3), "adaptive_max_pool2d_backward"),
        (nn.Upsample(scale_factor=2, mode="bicubic"), "upsample_bicubic2d_backward: torch refuses it"),
        (
            Antialiased(),
            "_upsample_bicubic2d_aa_backward: torch refuses it on CUDA; a vision transformer resamples its positions",
        ),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "upsample_bilinear2d_backward: bilinear resizing repeats itself"),
        (nn.ReflectionPad2d(1), "reflection_pad2d_backward: torch refuses it on CUDA; pad with zeros"),
        (nn.ReplicationPad2d(1), "replication_pad2d_backward"),
    ],
)
def test_operations_that_do_not_repeat_themselves_are_named(layer: nn.Module, named: str) -> None:
    assert named in told(layer)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 2, 2), nn.MaxPool2d(2), nn.Upsample(scale_factor=2)]
)
def test_operations_that_do_are_not(layer: nn.Module) -> None:
    assert told(layer) == ""


@pytest.mark.parametrize(("reduction", "named"), [("none", False), ("mean", True), ("sum", True)])
def test_a_pixel_loss_repeats_itself_only_unreduced(reduction: str, named: bool) -> None:
    target = torch.zeros(2, 8, 8, dtype=torch.long)

    class Loss(nn.Module):
        def forward(self, logits: Tensor) -> Tensor:
            return F.cross_entropy(logits, target, reduction=reduction)

    assert ("nll_loss2d_forward" in told(Loss())) == named


def test_our_own_training_has_none() -> None:
    training = run()
    names = deterministic_ops.operations(lambda: loop.compute_losses(training, batches(0)[0])["loss"].mean().backward())
    assert "convolution_backward" in names
    assert deterministic_ops.warnings(names) == []


def test_a_model_that_could_not_repeat_itself_is_refused_before_it_trains() -> None:
    with pytest.raises(PipelineError, match=r"pad with zeros\.\nOr set train\.deterministic to false"):
        deterministic_ops.require_repeatable(["convolution_backward", "reflection_pad2d_backward"])
    deterministic_ops.require_repeatable(["convolution_backward", "upsample_bilinear2d_backward"])
