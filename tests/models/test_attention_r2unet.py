"""Attention R2U-Net: an R2U-Net whose skips pass gates, and nothing else."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.models.attention_r2unet import attention_r2unet
from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.style import Style
from segpipe.models.r2unet import r2unet
from tests.models.suite import images

STYLE = Style("relu", "batch", 0.0, "transposed")


def gate_size(skip: int, below: int) -> int:
    """W_x of 2 x 2 pixels, W_g and its bias, psi and its bias, of half the skip's channels inside."""
    inner = skip // 2
    return 4 * skip * inner + below * inner + inner + inner + 1


@pytest.mark.parametrize("steps", [0, 2])
def test_size_is_that_of_r2unet_and_its_gates(steps: int) -> None:
    widths = (64, 128, 256, 512, 1024)
    gates = sum(gate_size(own, 2 * own) for own in widths[:-1])
    with torch.device("meta"):
        plain, gated = (build(3, 2, widths, steps, STYLE) for build in (r2unet, attention_r2unet))
    sizes = [sum(weight.numel() for weight in network.parameters()) for network in (plain, gated)]
    assert sizes[1] - sizes[0] == gates


def test_with_open_gates_it_is_r2unet_and_with_closed_ones_the_skips_are_gone() -> None:
    torch.manual_seed(0)
    gated = attention_r2unet(3, 2, [4, 8, 16], 2, STYLE).eval()
    plain = r2unet(3, 2, [4, 8, 16], 2, STYLE).eval()
    missing, unexpected = plain.load_state_dict(gated.state_dict(), strict=False)
    assert missing == []
    assert all(".gates." in name for name in unexpected)
    inputs: list[Tensor] = []
    for block in gated.decoder.blocks:
        block.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    with torch.no_grad():
        _set_gates(gated, 100.0)
        assert torch.equal(gated(images(1, 3, 16, 16)), plain(images(1, 3, 16, 16)))
        _set_gates(gated, -200.0)
        gated(images(1, 3, 16, 16))
    assert not inputs[-2][:, :8].any()
    assert not inputs[-1][:, :4].any()


def test_a_gate_reads_the_skip_and_the_map_below_it() -> None:
    network = attention_r2unet(3, 2, [4, 8, 16], 1, STYLE).eval()
    seen: list[tuple[Tensor, ...]] = []
    blocks: list[Tensor] = []
    for gate in network.decoder.gates:
        gate.register_forward_hook(lambda module, given, output: seen.append(given))
    for block in [*network.encoder.blocks, *network.decoder.blocks]:
        block.register_forward_hook(lambda module, given, output: blocks.append(output))
    network(images(1, 3, 16, 16))
    first, second, bottom, deep, _ = blocks
    assert [list(map(id, pair)) for pair in seen] == [[id(second), id(bottom)], [id(first), id(deep)]]


def _set_gates(network: nn.Module, logit: float) -> None:
    """Gives alpha the same value, sigmoid(logit), at every pixel."""
    for module in network.modules():
        if isinstance(module, AttentionGate):
            nn.init.zeros_(module.psi.weight)
            nn.init.constant_(module.psi.bias, logit)
