"""Attention R2U-Net on a ResNet: what is trained, what is recurrent, what is gated."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.recurrent import RecurrentConv, RecurrentResidualUnit
from segpipe.models.layers.resnet_encoder import RESNETS, ResNetEncoder
from segpipe.models.layers.style import ACTIVATIONS, Style
from segpipe.models.layers.u_shape import UShape
from segpipe.models.pretrained_attention_r2unet import pretrained_attention_r2unet
from segpipe.models.segmenter import Segmenter
from segpipe.models.table import Built, build
from segpipe.storage.files import sha256_of
from tests.models.suite import SMALL, images
from tests.models.test_attention_r2unet import gate_size
from tests.models.test_r2unet import unit_size
from tests.models.test_resnet_unet import WITHOUT_CLASSIFIER

NAME = "pretrained_attention_r2unet"
STYLE = Style("relu", "batch", 0.0, "transposed")


@cache
def trained(name: str) -> dict[str, Tensor]:
    """Weights and statistics of a ResNet that no start would give, as torchvision names them, with a classifier."""
    generator = torch.Generator().manual_seed(3)
    with torch.device("meta"):
        shapes = ResNetEncoder(name, 3).state_dict()
    state = {key: torch.empty(each.shape, dtype=each.dtype) for key, each in shapes.items()}
    for tensor in state.values():
        if tensor.is_floating_point():
            # Strong enough to reach the deepest map, weak enough to stay finite.
            tensor.uniform_(0.5, 1.5, generator=generator) if tensor.ndim == 1 else tensor.normal_(0, 0.05, generator=generator)
        else:
            tensor.fill_(77)
    return state | {"fc.weight": torch.zeros(10, 4), "fc.bias": torch.zeros(10)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of weights for each ResNet."""
    folder = tmp_path_factory.mktemp("weights")
    for name in RESNETS:
        save_file(trained(name), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in RESNETS}


def started(path: Path, encoder: str = "resnet18", channels: int = 3, model: str = NAME) -> Built:
    """The small network from that file."""
    changes = {"name": model, "encoder": encoder, "weights": str(path), "weights_sha256": sha256_of(path)}
    return build(SMALL[model].model_copy(update=changes), channels, 2)


@pytest.mark.parametrize(("model", "encoder"), [*((NAME, name) for name in RESNETS), ("resnet_unet", "resnet18")])
def test_trained_weights_survive_bit_by_bit(model: str, encoder: str, weights: dict[str, Path]) -> None:
    torch.manual_seed(0)
    built = started(weights[encoder], encoder, model=model)
    own, given = built.network.encoder.state_dict(), trained(encoder)
    assert own.keys() == given.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, given[name]) for name, tensor in own.items())
    assert built.weights_sha256 == sha256_of(weights[encoder])


def test_the_encoder_is_all_that_is_trained_and_the_rest_starts_at_random(weights: dict[str, Path]) -> None:
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(started(weights["resnet18"]).network)
    one, other = (dict(network.named_parameters()) for network in networks)
    # A scale starts at 1, a shift at 0: only those are the same outside.
    same = {name for name in one if torch.equal(one[name], other[name])} - {name for name in one if ".normal." in name}
    assert same == {f"encoder.{name}" for name, _ in ResNetEncoder("resnet18", 3).named_parameters()}
    assert {name.split(".")[0] for name in one.keys() - same} == {"decoder", "head"}
    assert any(name.startswith("decoder.bottom.") for name in one)


@pytest.mark.parametrize("channels", [1, 5, 6])
def test_gray_gives_the_same_features_through_any_number_of_channels(channels: int, weights: dict[str, Path]) -> None:
    gray = images(1, 1, 32, 32).double()
    three = started(weights["resnet18"]).network.eval().double().encoder
    other = started(weights["resnet18"], channels=channels).network.eval().double().encoder
    with torch.no_grad():
        features = zip(other(gray.expand(-1, channels, -1, -1)), three(gray.expand(-1, 3, -1, -1)), strict=True)
    for found, wanted in features:
        if channels == 5:
            # Red and green stand there twice and blue once: as strong, but not the same.
            assert 0.8 < found.norm() / wanted.norm() < 1.25
        else:
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", RESNETS)
def test_size(name: str) -> None:
    widths, bottom = (16, 32, 64, 128, 256), 512
    skips, deepest = ((64, 64, 128, 256), 512) if name != "resnet50" else ((64, 256, 512, 1024), 2048)
    below = (bottom, *widths[:0:-1])
    total = WITHOUT_CLASSIFIER[name] + unit_size(deepest, bottom, 2)
    total += sum(4 * inner * own + own for inner, own in zip(below, widths[::-1], strict=True))
    total += sum(gate_size(skip, inner) for skip, inner in zip(skips[::-1], below, strict=False))
    total += sum(unit_size(own + skip, own, 2) for own, skip in zip(widths[::-1], (*skips[::-1], 0), strict=True))
    total += widths[0] * 5 + 5
    with torch.device("meta"):
        network = pretrained_attention_r2unet(ResNetEncoder(name, 3), 5, widths, 2, STYLE)
    assert sum(weight.numel() for weight in network.parameters()) == total


def network(steps: int = 2, dropout: float = 0.0) -> UShape:
    torch.manual_seed(0)
    style = Style("relu", "batch", dropout, "transposed")
    return pretrained_attention_r2unet(ResNetEncoder("resnet18", 3), 2, [4, 4, 8, 8, 16], steps, style).eval()


def test_the_bottom_and_every_block_above_it_are_recurrent_and_every_skip_is_gated() -> None:
    decoder = network(steps=3).decoder
    assert [type(block) for block in (decoder.bottom, *decoder.blocks)] == [RecurrentResidualUnit] * 6
    assert {module.steps for module in decoder.modules() if isinstance(module, RecurrentConv)} == {3}
    assert [type(gate) for gate in decoder.gates] == [AttentionGate] * 4


def test_the_bottom_reads_the_encoders_deepest_map_and_all_above_reads_the_bottom() -> None:
    whole, seen = network(), {}
    parts = {"encoder": whole.encoder, "bottom": whole.decoder.bottom, "up": whole.decoder.up[0], "gate": whole.decoder.gates[0]}
    for name, part in parts.items():
        part.register_forward_hook(lambda module, given, output, name=name: seen.update({name: (given, output)}))
    whole(images(1, 3, 64, 64))
    features, bottom = seen["encoder"][1], seen["bottom"][1]
    assert seen["bottom"][0][0] is features[-1]
    assert seen["up"][0][0] is bottom
    assert seen["gate"][0][0] is features[-2]
    assert seen["gate"][0][1] is bottom
    assert bottom.shape == (1, 32, 2, 2)


def test_closed_gates_leave_nothing_of_a_skip() -> None:
    whole, inputs = network(), []
    for gate in whole.decoder.gates:
        nn.init.zeros_(gate.psi.weight)
        nn.init.constant_(gate.psi.bias, -200.0)
    for block in whole.decoder.blocks:
        block.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    whole(images(1, 3, 64, 64))
    widths, skips = (16, 8, 8, 4, 4), (256, 128, 64, 64, 0)
    assert [each.shape[1] for each in inputs] == [own + skip for own, skip in zip(widths, skips, strict=True)]
    assert not any(each[:, :skip].any() for each, skip in zip(inputs, skips, strict=True))
    assert all(each[:, skip:].any() for each, skip in zip(inputs, skips, strict=True))
    assert [tuple(each.shape[2:]) for each in inputs] == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]


def test_dropout_is_behind_the_bottom() -> None:
    drops = [name for name, module in network(dropout=0.5).named_modules() if isinstance(module, nn.Dropout2d)]
    assert drops == ["decoder.bottom.drop"]


@pytest.mark.parametrize(("norm", "upsample"), [("batch", "resize"), ("group", "transposed"), ("instance", "resize")])
@pytest.mark.parametrize("channels", [1, 5])
def test_every_style_learns_at_odd_sizes(norm: str, upsample: str, channels: int) -> None:
    activation = [*ACTIVATIONS][channels % 4]
    changes = {"norm": norm, "upsample": upsample, "activation": activation, "dropout": 0.3, "width": (2, 3, 4, 5, 6)}
    built = build(SMALL[NAME].model_copy(update=changes), channels, 2)
    segmenter = Segmenter(built.network, built.stride, [0.5] * channels, [0.2] * channels)
    logits = segmenter(images(2, channels, 45, 70))
    assert logits.shape == (2, 2, 45, 70)
    logits.square().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in segmenter.parameters())


def test_levels_go_from_the_bottom_to_full_size() -> None:
    ups = [(up.in_channels, up.out_channels) for up in network().decoder.up]
    assert ups == [*pairwise((32, 16, 8, 8, 4, 4))]
