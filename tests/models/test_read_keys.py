"""A key that a model reads, by its record, changes what the model computes; one that it does not read cannot."""

from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.models.table import build
from segpipe.params.architectures import ARCHITECTURES
from segpipe.params.schema import ModelParams
from tests.models.suite import SMALL, images

OTHER: dict[str, Any] = {
    "width": 6,
    "depth": 2,
    "activation": "silu",
    "norm": "instance",
    "dropout": 0.5,
    "upsample": "resize",
    "recurrence": 1,
    "deep_supervision": "mean",
    "drop_block": 0.5,
    "drop_block_size": 3,
    "encoder": "resnet34",
    "architecture": "FPN",
}
"""Each key and another value than the small models have."""

ELSEWHERE = {"name", "weights", "weights_sha256", "input_scale"}
"""Tested in test_architectures.py and test_pretrained.py: they choose a file, and the weights an encoder starts with. What
`input_scale` does is around the network: test_segmenter.py, test_laplacian_fpn.py."""


def computed(params: ModelParams) -> Tensor:
    """What the network makes of two images in training, from the same random numbers each time."""
    torch.manual_seed(0)
    network = build(params, 3, 4).network
    torch.manual_seed(1)
    with torch.no_grad():
        out: Tensor = network(images(2, 3, 64, 64))
    return out


@pytest.fixture(scope="module")
def plain() -> dict[str, Tensor]:
    return {name: computed(SMALL[name]) for name in ARCHITECTURES}


def test_every_key_is_here() -> None:
    assert OTHER.keys() | ELSEWHERE == ModelParams.model_fields.keys()


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, record in ARCHITECTURES.items() for key in OTHER if key in record.reads]
)
def test_a_key_that_is_read_changes_the_network(plain: dict[str, Tensor], name: str, key: str) -> None:
    other = SMALL[name].model_copy(update={key: OTHER[key]})
    assert getattr(other, key) != getattr(SMALL[name], key)
    assert not torch.equal(computed(other), plain[name])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keys_that_are_not_read_change_nothing_all_at_once(plain: dict[str, Tensor], name: str) -> None:
    others = {key: value for key, value in OTHER.items() if key not in ARCHITECTURES[name].reads}
    assert torch.equal(computed(SMALL[name].model_copy(update=others)), plain[name])
