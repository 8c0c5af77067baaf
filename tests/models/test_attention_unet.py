"""Attention U-Net: a U-Net with gates in its skips, all but the first."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.diagnostics import deterministic_ops
from segpipe.models.attention_unet import attention_unet
from segpipe.models.layers.attention_gate import AttentionGate
from segpipe.models.layers.style import Style, widths
from segpipe.models.layers.u_shape import PassThrough, UShape
from segpipe.models.unet import unet

PLAIN = Style("relu", "batch", 0.0, "transposed")


def network(width: int = 4, depth: int = 3, channels: int = 3) -> UShape:
    torch.manual_seed(0)
    return attention_unet(channels, 2, widths(width, depth + 1), PLAIN)


def gates(model: UShape) -> list[AttentionGate]:
    return [module for module in model.modules() if isinstance(module, AttentionGate)]


def test_size_at_the_width_of_the_classic_unet() -> None:
    """A gate: 2 x 2 from the skip to half its channels, 1 x 1 from below with a bias, and psi with one."""
    wanted = 31_037_698  # the U-Net: test_unet.py
    for own, below in [(512, 1024), (256, 512), (128, 256)]:
        inner = own // 2
        wanted += 4 * own * inner + (below * inner + inner) + (inner + 1)
    assert wanted == 32_070_789
    with torch.device("meta"):
        assert sum(weight.numel() for weight in network(64, 4).parameters()) == wanted


def test_every_skip_but_the_one_at_full_size_is_gated() -> None:
    kinds = [type(gate) for gate in network(depth=4).decoder.gates]
    assert kinds == [AttentionGate, AttentionGate, AttentionGate, PassThrough]


def test_the_decoder_reads_alpha_times_the_skip_gated_by_the_map_below() -> None:
    model, given, inputs = network().eval(), [], []
    skips: list[Tensor] = []
    outputs: list[Tensor] = []
    for block in model.encoder.blocks:
        block.register_forward_hook(lambda module, given, output: skips.append(output))
    for gate in gates(model):
        gate.register_forward_hook(lambda module, arguments, output: given.append(arguments))
    for block in model.decoder.blocks:
        block.register_forward_hook(lambda module, arguments, output: inputs.append(arguments[0]))
        block.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    model(torch.rand(1, 3, 16, 24))
    below = [skips[3], outputs[0]]
    for level, gate in enumerate(gates(model)):
        skip = skips[2 - level]
        assert given[level][0] is skip and given[level][1] is below[level]
        alpha = gate.attention(skip, below[level])
        assert not torch.equal(alpha * skip, skip)
        assert torch.equal(inputs[level][:, : skip.shape[1]], alpha * skip)
    assert torch.equal(inputs[2][:, :4], skips[0])


@pytest.mark.parametrize(("bias", "same"), [(100.0, True), (0.0, False)])
def test_with_gates_forced_open_it_is_the_unet_of_the_same_weights(bias: float, same: bool) -> None:
    model = network().eval()
    for gate in gates(model):
        nn.init.zeros_(gate.psi.weight)
        nn.init.constant_(gate.psi.bias, bias)
    plain = unet(3, 2, widths(4, 4), PLAIN).eval()
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if ".gates." not in name})
    image = torch.rand(2, 3, 24, 16)
    assert torch.equal(model(image), plain(image)) == same


def test_gradients_reach_every_weight_of_every_gate() -> None:
    model = network()
    model(torch.rand(2, 3, 16, 16)).square().mean().backward()
    weights = [(name, weight) for name, weight in model.named_parameters() if ".gates." in name]
    assert len(weights) == 2 * 5
    assert [name for name, weight in weights if weight.grad is None or not weight.grad.any()] == []


def test_nothing_in_it_is_slow_or_refused_on_cuda() -> None:
    model = network(depth=2)
    names = deterministic_ops.operations(lambda: model(torch.rand(2, 3, 8, 8)).square().mean().backward())
    assert deterministic_ops.warnings(names) == []
