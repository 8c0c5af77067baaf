"""R2U-Net: recurrent in every block of both sides, with as many weights as its parts have."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from segpipe.models.layers.recurrent import RecurrentConv, RecurrentResidualUnit
from segpipe.models.layers.style import ACTIVATIONS, Style, widths
from segpipe.models.layers.u_shape import UShape
from segpipe.models.r2unet import from_params, r2unet
from segpipe.models.segmenter import Segmenter
from segpipe.models.table import build
from tests.models.suite import SMALL, images

CLASSIC = (64, 128, 256, 512, 1024)


def small(steps: int = 2, dropout: float = 0.0) -> UShape:
    torch.manual_seed(0)
    return r2unet(3, 2, [4, 8, 16], steps, Style("relu", "batch", dropout, "transposed"))


def unit_size(inner: int, outer: int, steps: int) -> int:
    """A projection where the channels differ; two layers of one or two 3 x 3 convolutions, each with one scale and shift."""
    projection = inner * outer + outer if inner != outer else 0
    return projection + 2 * (9 * outer * outer * (2 if steps else 1) + 2 * outer)


@pytest.mark.parametrize(("steps", "total"), [(0, 35_602_050), (1, 67_010_178), (2, 67_010_178), (3, 67_010_178)])
def test_size_of_the_classic_widths(steps: int, total: int) -> None:
    encoder = sum(unit_size(inner, outer, steps) for inner, outer in pairwise([3, *CLASSIC]))
    up = sum(2 * own * own * 2 * 2 + own for own in CLASSIC[:-1])
    decoder = sum(unit_size(2 * own, own, steps) for own in CLASSIC[:-1])
    head = 64 * 2 + 2
    assert encoder + up + decoder + head == total
    with torch.device("meta"):
        network = r2unet(3, 2, CLASSIC, steps, Style("relu", "batch", 0.0, "transposed"))
    assert sum(weight.numel() for weight in network.parameters()) == total


def test_size_beside_the_implementation_that_most_follow() -> None:
    """LeeJunHyun's R2U_Net(3, 1) has 39,091,393 weights, whatever t; the difference is told by its terms."""
    units = [*pairwise([3, *CLASSIC]), *((2 * own, own) for own in CLASSIC[:-1])]
    recurrent = sum(2 * 9 * own * own for _, own in units)
    biases = sum(2 * own for _, own in units)
    up = sum(9 * 2 * own * own + 3 * own for own in CLASSIC[:-1])
    their_up_norms = sum(2 * own for own in CLASSIC[:-1])
    ours_with_resize = sum(unit_size(*unit, 2) for unit in units) + up - their_up_norms + 64 + 1
    assert ours_with_resize - recurrent + biases + their_up_norms == 39_091_393
    with torch.device("meta"):
        network = r2unet(3, 1, CLASSIC, 2, Style("relu", "batch", 0.0, "resize"))
    assert sum(weight.numel() for weight in network.parameters()) == ours_with_resize


@pytest.mark.parametrize("name", ["r2unet", "attention_r2unet"])
@pytest.mark.parametrize("steps", [0, 3])
def test_every_block_of_both_sides_is_recurrent(name: str, steps: int) -> None:
    network = build(SMALL[name].model_copy(update={"recurrence": steps, "depth": 3}), 3, 2).network
    blocks = [*network.encoder.blocks, *network.decoder.blocks]
    assert [type(block) for block in blocks] == [RecurrentResidualUnit] * 7
    layers = [module for module in network.modules() if isinstance(module, RecurrentConv)]
    assert [layer.steps for layer in layers] == [steps] * 14
    inside = sum(isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) for module in network.modules())
    assert inside == 14 * (2 if steps else 1)


def test_each_layer_runs_its_steps() -> None:
    network, count = small(steps=3), 0

    def counted(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal count
        count += 1

    for module in network.modules():
        if isinstance(module, RecurrentConv):
            module.act.register_forward_hook(counted)
    network(images(1, 3, 8, 8))
    assert count == 10 * (3 + 1)


def test_more_steps_are_the_same_weights_and_another_function() -> None:
    first, second = small(steps=1).eval(), small(steps=4).eval()
    second.load_state_dict(dict(first.named_parameters()), strict=False)
    assert [weight.shape for weight in first.parameters()] == [weight.shape for weight in second.parameters()]
    assert not torch.allclose(first(images(1, 3, 8, 8)), second(images(1, 3, 8, 8)))


def test_the_decoder_reads_the_map_of_its_own_level() -> None:
    network, inputs = small().eval(), []
    skips: list[Tensor] = []
    for block in network.encoder.blocks:
        block.register_forward_hook(lambda module, given, output: skips.append(output))
    for block in network.decoder.blocks:
        block.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    network(images(1, 3, 16, 16))
    assert torch.equal(inputs[0][:, :8], skips[1])
    assert torch.equal(inputs[1][:, :4], skips[0])


def test_dropout_follows_the_two_deepest_blocks() -> None:
    network = small(dropout=0.5)
    assert [isinstance(block.drop, nn.Dropout2d) for block in network.encoder.blocks] == [False, True, True]
    assert not any(isinstance(module, nn.Dropout2d) for module in network.decoder.modules())


def test_params_reach_it() -> None:
    built = from_params(SMALL["r2unet"].model_copy(update={"width": (3, 5, 5), "depth": 2, "recurrence": 4}), 1, 3)
    assert [block.layers[0].forward_conv.out_channels for block in built.network.encoder.blocks] == [3, 5, 5]
    assert {module.steps for module in built.network.modules() if isinstance(module, RecurrentConv)} == {4}
    assert (built.stride, built.weights_sha256) == (4, None)
    assert widths(4, 3) == [4, 8, 16]


STYLES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["r2unet", "attention_r2unet"]),
        "width": st.one_of(st.integers(1, 5), st.lists(st.integers(1, 9), min_size=3, max_size=3).map(tuple)),
        "depth": st.just(2),
        "norm": st.sampled_from(["batch", "group", "instance"]),
        "activation": st.sampled_from([*ACTIVATIONS]),
        "upsample": st.sampled_from(["transposed", "resize"]),
        "dropout": st.sampled_from([0.0, 0.5]),
        "recurrence": st.integers(0, 3),
    }
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(STYLES, st.sampled_from([1, 3, 5]), st.integers(9, 21), st.integers(9, 21))
def test_every_style_learns_and_predicts_at_any_size(changes: dict[str, object], channels: int, height: int, width: int) -> None:
    built = build(SMALL["r2unet"].model_copy(update=changes), channels, 2)
    segmenter = Segmenter(built.network, built.stride, [0.5] * channels, [0.2] * channels)
    segmenter(images(2, channels, height, width)).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in segmenter.parameters())
    with torch.no_grad():
        logits = segmenter.eval()(images(2, channels, height, width))
        again = segmenter(images(2, channels, height, width))
    assert logits.shape == (2, 2, height, width)
    assert logits.isfinite().all()
    assert torch.equal(logits, again)
