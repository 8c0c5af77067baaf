"""A key that a model reads, by its comment in params.yaml, changes what the model computes; one that it does not read cannot."""

from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.models.table import build
from segpipe.params.schema import ModelParams
from tests.models.suite import SMALL, images

RESNETS = {"resnet_unet", "pretrained_attention_r2unet"}
R2UNETS = {"r2unet", "attention_r2unet", "pretrained_attention_r2unet"}
UNETS = {"unet", "unetpp", "attention_unet", "sa_unet"}
NOT_FIXED = UNETS | R2UNETS | {"resnet_unet"}
FIXED = {"simple_unet", "smp"}
"""A model that someone adds is in none of these, and reads what it likes."""

READ_BY: dict[str, tuple[Any, set[str]]] = {
    "width": (6, NOT_FIXED),
    "depth": (2, NOT_FIXED - RESNETS),
    "activation": ("silu", NOT_FIXED),
    "norm": ("instance", NOT_FIXED),
    "dropout": (0.5, NOT_FIXED - {"sa_unet", "resnet_unet"}),
    "upsample": ("resize", NOT_FIXED),
    "recurrence": (1, R2UNETS),
    "deep_supervision": ("mean", {"unetpp"}),
    "drop_block": (0.5, {"sa_unet"}),
    "drop_block_size": (3, {"sa_unet"}),
    "encoder": ("resnet34", RESNETS | {"smp"}),
    "architecture": ("FPN", {"smp"}),
}
"""Each key, another value than the small models have, and the models whose networks it changes."""

ELSEWHERE = {"name", "weights", "weights_sha256"}
"""Tested in test_table.py and test_pretrained.py: they choose a file, and the weights an encoder starts with."""


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
    return {name: computed(SMALL[name]) for name in NOT_FIXED | FIXED}


def test_every_key_is_here() -> None:
    assert READ_BY.keys() | ELSEWHERE == ModelParams.model_fields.keys()


@pytest.mark.parametrize(("key", "name"), [(key, name) for key in READ_BY for name in sorted(READ_BY[key][1])])
def test_a_key_that_is_read_changes_the_network(plain: dict[str, Tensor], key: str, name: str) -> None:
    other = SMALL[name].model_copy(update={key: READ_BY[key][0]})
    assert getattr(other, key) != getattr(SMALL[name], key)
    assert not torch.equal(computed(other), plain[name])


@pytest.mark.parametrize("name", sorted(NOT_FIXED | FIXED))
def test_keys_that_are_not_read_change_nothing_all_at_once(plain: dict[str, Tensor], name: str) -> None:
    others = {key: value for key, (value, readers) in READ_BY.items() if name not in readers}
    assert torch.equal(computed(SMALL[name].model_copy(update=others)), plain[name])
