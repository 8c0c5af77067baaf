"""A map of a single value: torch's error becomes a sentence, whichever normalisation it came from."""

import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.models.layers.style import Style
from segpipe.models.unet import unet
from segpipe.training import norm_errors
from tests.models.suite import images


@pytest.mark.parametrize(
    ("norm", "count", "sentence"),
    [
        ("batch", 1, "batch normalisation saw a single value.* Raise train.batch_size until .* 2 or more, or raise input.crop."),
        ("instance", 2, "instance normalisation saw a single value.* Raise input.crop, lower model.depth, or set model.norm"),
    ],
)
def test_a_deepest_map_of_one_pixel_has_its_sentence(norm: str, count: int, sentence: str) -> None:
    network = unet(3, 2, [4, 8, 16], Style("relu", norm, 0.0, "transposed"))
    with pytest.raises(PipelineError, match=sentence), norm_errors.translate_norm_errors():
        network(images(count, 3, 4, 4))
    with torch.no_grad():
        assert network.eval()(images(count, 3, 4, 4)).isfinite().all()


@pytest.mark.parametrize(("norm", "count"), [("group", 1), ("batch", 2)])
def test_other_norms_and_batches_learn_from_one_pixel(norm: str, count: int) -> None:
    with norm_errors.translate_norm_errors():
        unet(3, 2, [4, 8, 16], Style("relu", norm, 0.0, "transposed"))(images(count, 3, 4, 4)).sum().backward()


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"^something else$"), norm_errors.translate_norm_errors():
        raise ValueError("something else")
