"""The table of models, and what every model in it must do whatever its name."""

import subprocess
import sys

import pytest
import torch

from segpipe.losses.cross_entropy import cross_entropy
from segpipe.models.segmenter import n_logits_for
from segpipe.models.table import MODELS, build
from tests.models.suite import PARAMS, ROOT, SMALL, images, small


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_learns_from_one_image_of_any_size_and_any_channels(name: str, channels: int) -> None:
    segmenter = small(name, channels)
    logits = segmenter(images(1, channels, 33, 47))
    assert logits.shape == (1, 4, 33, 47)
    cross_entropy(logits, torch.randint(0, 4, (1, 33, 47))).mean().backward()
    without = [key for key, weight in segmenter.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A bias before a normalisation is the one weight that may have a gradient of 0.
    assert without == []


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n_classes", [2, 3, 21])
def test_one_logit_for_two_classes_else_one_each(name: str, n_classes: int) -> None:
    built = build(SMALL[name], 3, n_logits_for(n_classes))
    with torch.no_grad():
        logits = built.network.eval()(torch.zeros(1, 3, built.stride, 2 * built.stride))
    assert logits.shape == (1, 1 if n_classes == 2 else n_classes, built.stride, 2 * built.stride)


@pytest.mark.parametrize("name", MODELS)
def test_predicts_the_same_each_time_and_for_each_image_alone(name: str) -> None:
    segmenter = small(name).eval()
    batch = images(3, 3, 40, 64)
    with torch.no_grad():
        together = segmenter(batch)
        assert torch.equal(together, segmenter(batch))
        alone = torch.cat([segmenter(image[None]) for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_weights_follow_from_the_seed(name: str) -> None:
    first, again = small(name).state_dict(), small(name).state_dict()
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", MODELS)
def test_without_weights_there_is_no_hash(name: str) -> None:
    assert build(SMALL[name], 3, 1).weights_sha256 is None


def test_the_unet_reads_no_encoder_weights() -> None:
    assert build(PARAMS.model_copy(update={"weights": "/nowhere.pth"}), 3, 1).weights_sha256 is None


def test_a_model_imports_its_own_branch_only() -> None:
    code = (
        "import sys; from tests.models.suite import small; small('unet');"
        "print(*{'torchvision', 'timm', 'segmentation_models_pytorch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
