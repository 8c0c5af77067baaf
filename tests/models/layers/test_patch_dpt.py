"""DPT on patches of any size, against smp's own where both can be built."""

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder

from segpipe.models.layers.patch_dpt import PatchDPT
from tests.models.small_transformers import DINOV2, make_small
from tests.models.suite import images


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> PatchDPT:
    make_small(monkeypatch)
    torch.manual_seed(0)
    return PatchDPT(TimmViTEncoder(DINOV2.removeprefix("tu-"), pretrained=False, dynamic_img_size=True), 4)


def test_on_patches_of_16_it_computes_what_smps_does(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)
    theirs = smp.DPT("tu-vit_tiny_patch16_224", encoder_weights=None, classes=4, dynamic_img_size=True).eval()
    own = PatchDPT(theirs.encoder, 4).eval()
    own.decoder.load_state_dict(theirs.decoder.state_dict())
    own.head.load_state_dict(theirs.segmentation_head.head.state_dict())
    image = images(2, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(own(image), theirs(image))
    assert own.stride == 16


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (2, 3), (5, 4), (7, 9)])
def test_any_whole_number_of_patches_gives_logits_of_the_images_size(network: PatchDPT, rows: int, columns: int) -> None:
    assert network.stride == 14
    with torch.no_grad():
        logits = network.eval()(images(1, 3, 14 * rows, 14 * columns))
    assert logits.shape == (1, 4, 14 * rows, 14 * columns)
    assert logits.isfinite().all()


def test_half_a_patch_is_refused(network: PatchDPT) -> None:
    with pytest.raises(AssertionError, match="divisible by patch size"):
        network(images(1, 3, 21, 28))


def test_all_learns_but_the_normalisation_that_only_a_classifier_has(network: PatchDPT) -> None:
    network(images(2, 3, 42, 70)).square().mean().backward()
    idle = {name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert idle == {"encoder.model.norm.weight", "encoder.model.norm.bias"}
