"""Files of a vision transformer's weights, made of random numbers under the names that they are published with."""

import math
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from segpipe.errors import PipelineError
from segpipe.models.table import Built, build
from segpipe.storage.files import sha256_of
from tests.models.small_transformers import BLOCKS, CHANNELS, DINOV2, REGISTERS, make_small
from tests.models.suite import SMALL


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def published(grid: int, registers: int = 0) -> dict[str, Tensor]:
    """As DINOv2's own checkpoints name and shape them, with positions for grid x grid patches and the class token."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, CHANNELS),
        "pos_embed": (1, 1 + grid * grid, CHANNELS),
        "mask_token": (1, CHANNELS),
        "patch_embed.proj.weight": (CHANNELS, 3, 14, 14),
        "patch_embed.proj.bias": (CHANNELS,),
        "norm.weight": (CHANNELS,),
        "norm.bias": (CHANNELS,),
    }
    if registers:
        shapes["register_tokens"] = (1, registers, CHANNELS)
    layers = {"norm1": (), "attn.qkv": (3, 1), "attn.proj": (1, 1), "norm2": (), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
    for block in range(BLOCKS):
        for layer, ratios in layers.items():
            shapes[f"blocks.{block}.{layer}.weight"] = tuple(ratio * CHANNELS for ratio in ratios) or (CHANNELS,)
            shapes[f"blocks.{block}.{layer}.bias"] = (CHANNELS * (ratios[0] if ratios else 1),)
        shapes |= {f"blocks.{block}.ls{number}.gamma": (CHANNELS,) for number in (1, 2)}
    generator = torch.Generator().manual_seed(5)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def started(tensors: dict[str, Tensor], path: Path, encoder: str = DINOV2, channels: int = 3) -> Built:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    changes = {"architecture": "DPT", "encoder": encoder, "weights": str(path), "weights_sha256": sha256_of(path)}
    return build(SMALL["smp"].model_copy(update=changes), channels, 1)


def own(built: Built) -> dict[str, Tensor]:
    """The tensors of the encoder, by timm's names."""
    state = built.network.get_submodule("encoder.model").state_dict()
    return {name: tensor for name, tensor in state.items() if not name.startswith("head.")}


@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
def test_dinov2s_own_file_is_taken_bit_by_bit(prefix: str, tmp_path: Path) -> None:
    given = published(37)
    built = started({prefix + name: tensor for name, tensor in given.items()}, tmp_path / "dinov2.safetensors")
    found = own(built)
    assert found.keys() == given.keys() - {"mask_token"}
    assert all(torch.equal(tensor, given[name]) for name, tensor in found.items())
    assert built.weights_sha256 == sha256_of(tmp_path / "dinov2.safetensors")


def test_with_registers_the_class_tokens_position_is_added_to_it(tmp_path: Path) -> None:
    given = published(37, registers=4)
    found = own(started(given, tmp_path / "reg4.safetensors", REGISTERS))
    assert torch.equal(found.pop("reg_token"), given["register_tokens"])
    assert torch.equal(found.pop("cls_token"), given["cls_token"] + given["pos_embed"][:, 0])
    assert torch.equal(found.pop("pos_embed"), given["pos_embed"][:, 1:])
    assert found.keys() == given.keys() - {"register_tokens", "mask_token", "cls_token", "pos_embed"}
    assert all(torch.equal(tensor, given[name]) for name, tensor in found.items())


def test_positions_of_another_grid_are_resampled(tmp_path: Path) -> None:
    given = published(16)
    found = own(started(given, tmp_path / "at224.safetensors"))
    assert torch.equal(found["pos_embed"][:, 0], given["pos_embed"][:, 0])
    assert torch.equal(found["pos_embed"], resample_abs_pos_embed(given["pos_embed"], [37, 37], [16, 16]))
    assert math.isclose(float(found["pos_embed"][:, 1:].mean()), float(given["pos_embed"][:, 1:].mean()), abs_tol=0.02)


@pytest.mark.parametrize("name", [DINOV2, REGISTERS])
def test_timms_own_file_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    torch.manual_seed(7)
    given = timm.create_model(name.removeprefix("tu-"), num_classes=10).state_dict()
    found = own(started(given, tmp_path / "timm.safetensors", name))
    assert all(torch.equal(tensor, given[key]) for key, tensor in found.items())
    assert given.keys() - found.keys() == {"head.weight", "head.bias"}


def test_a_first_layer_of_other_channels_is_adapted(tmp_path: Path) -> None:
    given = published(37)
    found = own(started(given, tmp_path / "gray.safetensors", channels=1))
    assert torch.equal(found["patch_embed.proj.weight"], given["patch_embed.proj.weight"].sum(1, keepdim=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pos_embed": torch.zeros(1, 8, CHANNELS)}, r"does not fit this encoder \("),
        ({"blocks.0.norm1.weight": None}, r"1 missing \(model\.blocks\.0\.norm1\.weight\)"),
        ({"blocks.9.norm1.weight": torch.zeros(CHANNELS)}, r"1 too much \(model\.blocks\.9\.norm1\.weight\)"),
        ({"cls_token": torch.full((1, 1, CHANNELS), math.nan)}, r"not finite \(in model\.cls_token\)"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor | None], message: str, tmp_path: Path) -> None:
    given = {name: tensor for name, tensor in (published(37) | change).items() if tensor is not None}
    with pytest.raises(PipelineError, match=message):
        started(given, tmp_path / "other.safetensors")


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"does not fit this encoder: .* missing"):
        started({"conv1.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "resnet.safetensors")
