"""U-Net++ against equations 1 and 2 and figure 1 of the paper, and against its authors' Keras code."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segpipe.models.layers.style import Style
from segpipe.models.segmenter import Segmenter
from segpipe.models.unetpp import UNetPlusPlus, of_mean_probability
from tests.models.suite import images

WIDTHS = (4, 6, 8, 10, 12)
MODES = ["none", "last", "mean"]


def nested(mode: str = "last", n_logits: int = 3, widths: tuple[int, ...] = WIDTHS, norm: str = "batch") -> UNetPlusPlus:
    torch.manual_seed(0)
    return UNetPlusPlus(3, n_logits, widths, mode, Style("relu", norm, 0.0, "transposed"))


def size(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_size_is_that_of_the_authors_code_but_for_the_normalisation() -> None:
    """Keras: a shift a convolution, no normalisation, 9,041,601 weights for one channel in and one out (the paper's 9.04 M).

    Ours has a scale and a shift a channel behind each convolution and no other shift: one number a channel more.
    """
    widths = (32, 64, 128, 256, 512)
    pairs = [(1, 32), *((own, 2 * own) for own in widths[:-1])]
    encoder = sum(9 * inner * own + own + 9 * own * own + own for inner, own in pairs)
    # X(i, j) reads j maps of its own level and the enlarged one, all of its level's width.
    nodes = [(widths[level], column) for column in range(1, 5) for level in range(5 - column)]
    dense = sum(9 * (column + 1) * own * own + own + 9 * own * own + own for own, column in nodes)
    up = sum(2 * 2 * (2 * own) * own + own for own, _ in nodes)
    assert encoder + dense + up + 33 == 9_041_601
    scales = 2 * sum(widths) + 2 * sum(own for own, _ in nodes)
    network = UNetPlusPlus(1, 1, widths, "none", Style("relu", "batch", 0.0, "transposed"))
    assert size(network) == 9_041_601 + scales == 9_045_249
    assert size(UNetPlusPlus(1, 1, widths, "last", Style("relu", "batch", 0.0, "transposed"))) == 9_045_249 + 3 * 33


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_each_node_reads_all_before_it_in_order_and_the_enlarged_one_below(depth: int) -> None:
    """Equation 1, figure 1b: X(i, j) = H([X(i, 0), ..., X(i, j - 1), U(X(i + 1, j - 1))])."""
    network = nested(widths=WIDTHS[: depth + 1]).eval()
    x: dict[tuple[int, int], Tensor] = {}
    read: dict[tuple[int, int], Tensor] = {}
    enlarged: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def note(place: tuple[int, int]) -> Any:
        def hook(module: nn.Module, given: tuple[Tensor], out: Tensor) -> None:
            x[place], read[place] = out, given[0]

        return hook

    def note_up(place: tuple[int, int]) -> Any:
        def hook(module: nn.Module, given: tuple[Tensor], out: Tensor) -> None:
            enlarged[place] = (given[0], out)

        return hook

    for level, block in enumerate(network.encoder.blocks):
        block.register_forward_hook(note((level, 0)))
    places = [(level, column) for column in range(1, depth + 1) for level in range(depth + 1 - column)]
    for level, column in places:
        network.nodes[f"{level}_{column}"].register_forward_hook(note((level, column)))
        network.up[f"{level}_{column}"].register_forward_hook(note_up((level, column)))
    network(images(2, 3, 16, 32))
    assert set(x) == {*places, *((level, 0) for level in range(depth + 1))}
    assert len(network.nodes) == len(network.up) == len(places) == depth * (depth + 1) // 2
    for level, column in places:
        source, larger = enlarged[level, column]
        assert torch.equal(source, x[level + 1, column - 1])
        assert torch.equal(read[level, column], torch.cat([*(x[level, k] for k in range(column)), larger], dim=1))
        assert x[level, column].shape == (2, WIDTHS[level], 16 // 2**level, 32 // 2**level)


def test_is_figure_1_written_out_node_by_node() -> None:
    """An independent U-Net++ of depth 2, in functions, with the network's own weights."""
    network = nested("mean", widths=WIDTHS[:3]).eval()
    weights = network.state_dict()

    def node(features: Tensor, name: str) -> Tensor:
        for conv, norm in ((0, 1), (3, 4)):
            features = F.conv2d(features, weights[f"{name}.{conv}.weight"], padding=1)
            mean, var = weights[f"{name}.{norm}.running_mean"], weights[f"{name}.{norm}.running_var"]
            scale = weights[f"{name}.{norm}.weight"] / (var + 1e-5).sqrt()
            shift = weights[f"{name}.{norm}.bias"] - mean * scale
            features = (features * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)).clamp(min=0)
        return features

    def up(features: Tensor, name: str) -> Tensor:
        return F.conv_transpose2d(features, weights[f"up.{name}.weight"], weights[f"up.{name}.bias"], stride=2)

    image = images(2, 3, 8, 12)
    x00 = node(image, "encoder.blocks.0")
    x10 = node(F.max_pool2d(x00, 2), "encoder.blocks.1")
    x20 = node(F.max_pool2d(x10, 2), "encoder.blocks.2")
    x01 = node(torch.cat([x00, up(x10, "0_1")], dim=1), "nodes.0_1")
    x11 = node(torch.cat([x10, up(x20, "1_1")], dim=1), "nodes.1_1")
    x02 = node(torch.cat([x00, x01, up(x11, "0_2")], dim=1), "nodes.0_2")
    heads = [F.conv2d(x, weights[f"heads.{n}.weight"], weights[f"heads.{n}.bias"]) for n, x in ((1, x01), (2, x02))]
    wanted = sum(head.softmax(dim=1) for head in heads) / 2
    torch.testing.assert_close(network(image).softmax(dim=1), wanted, rtol=1e-4, atol=1e-5)


def test_the_shallowest_is_a_unet() -> None:
    """Without a node between, X(0, 1) reads what the only block of a U-Net's decoder reads."""
    from segpipe.models.unet import unet

    ours = nested("none", widths=(4, 6)).eval()
    theirs = unet(3, 3, (4, 6), Style("relu", "batch", 0.0, "transposed")).eval()
    names = {"up.0_1": "decoder.up.0", "nodes.0_1": "decoder.blocks.0", "heads.1": "head"}
    renamed = {}
    for name, value in ours.state_dict().items():
        new = next((name.replace(old, place) for old, place in names.items() if name.startswith(old)), name)
        renamed[new] = value
    theirs.load_state_dict(renamed)
    assert torch.equal(ours(images(1, 3, 8, 8)), theirs(images(1, 3, 8, 8)))


@pytest.mark.parametrize("mode", MODES)
def test_in_training_all_branches_come_out_and_in_evaluation_one_answer(mode: str) -> None:
    network, image = nested(mode), images(2, 3, 16, 32)
    assert network(image).shape == ((2, 3, 16, 32) if mode == "none" else (4, 2, 3, 16, 32))
    assert network.eval()(image).shape == (2, 3, 16, 32)
    assert [*network.heads] == (["4"] if mode == "none" else ["1", "2", "3", "4"])


def test_with_one_level_a_single_branch_is_still_a_branch() -> None:
    assert nested("last", widths=(4, 6))(images(2, 3, 4, 4)).shape == (1, 2, 3, 4, 4)


def test_branch_d_is_head_d_of_the_top_node_d() -> None:
    network, tops = nested(norm="group"), {}
    for column in range(1, 5):
        hook = lambda module, given, out, column=column: tops.update({column: out})  # noqa: E731
        network.nodes[f"0_{column}"].register_forward_hook(hook)
    branches = network(images(2, 3, 16, 16))
    for column, branch in enumerate(branches, start=1):
        assert torch.equal(branch, network.heads[str(column)](tops[column]))


@pytest.mark.parametrize(("mode", "computed"), [("none", ["4"]), ("last", ["4"]), ("mean", ["1", "2", "3", "4"])])
def test_evaluation_computes_no_head_in_vain(mode: str, computed: list[str]) -> None:
    network, seen = nested(mode).eval(), []
    for name, head in network.heads.items():
        head.register_forward_hook(lambda module, given, out, name=name: seen.append(name))
    network(images(1, 3, 16, 16))
    assert seen == computed


def test_last_predicts_what_none_predicts_and_what_the_last_branch_says() -> None:
    last, none, image = nested("last", norm="group"), nested("none", norm="group"), images(2, 3, 16, 32)
    none.load_state_dict(
        {name: value for name, value in last.state_dict().items() if not name.startswith(("heads.1", "heads.2", "heads.3"))}
    )
    branches = last(image)
    assert torch.equal(last.eval()(image), branches[-1])
    assert torch.equal(none.eval()(image), branches[-1])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_branch_teaches_the_nodes_that_it_is_made_of_and_no_other(depth: int) -> None:
    """Figure 1c: X(0, d) needs the nodes X(i, j) with i + j <= d."""
    network = nested()
    network(images(2, 3, 16, 16))[depth - 1].square().sum().backward()
    taught = {
        name.rsplit(".", 1)[0] for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()
    }
    found = {tuple(map(int, name.split(".")[1].split("_"))) for name in taught if name.startswith("nodes")}
    found |= {(int(name.split(".")[2]), 0) for name in taught if name.startswith("encoder")}
    assert found == {(level, column) for level in range(5) for column in range(5) if level + column <= depth}
    assert {name for name in taught if name.startswith("heads")} == {f"heads.{depth}"}


@pytest.mark.parametrize("n_logits", [1, 3])
def test_mean_gives_the_mean_of_the_heads_probabilities(n_logits: int) -> None:
    network, image = nested("mean", n_logits, norm="group"), images(2, 3, 16, 32)
    branches = network(image)
    found = network.eval()(image)
    shares = (torch.sigmoid, torch.sigmoid) if n_logits == 1 else (lambda x: x.softmax(dim=2), lambda x: x.softmax(dim=1))
    torch.testing.assert_close(shares[1](found), shares[0](branches).mean(dim=0), rtol=1e-5, atol=1e-6)


def test_a_mean_of_logits_would_choose_another_class() -> None:
    """Two of three branches say class 0 and are sure enough; the third is very sure of class 1."""
    branches = torch.tensor([[3.0, 0.0], [3.0, 0.0], [0.0, 9.0]]).view(3, 1, 2, 1, 1)
    assert branches.mean(dim=0).argmax(dim=1).item() == 1
    assert of_mean_probability(branches).argmax(dim=1).item() == 0
    one = torch.tensor([3.0, 3.0, -9.0]).view(3, 1, 1, 1, 1)
    assert one.mean() < 0 < of_mean_probability(one).item()


@pytest.mark.parametrize("n_logits", [1, 2])
def test_mean_probability_of_very_sure_branches_is_finite(n_logits: int) -> None:
    branches = 500.0 * torch.tensor([[1.0, -1.0][:n_logits], [-1.0, 1.0][:n_logits]]).view(2, 1, n_logits, 1, 1)
    found = of_mean_probability(branches)
    assert found.isfinite().all()
    shares = found.sigmoid() if n_logits == 1 else found.softmax(dim=1)
    torch.testing.assert_close(shares, torch.full_like(shares, 0.5))
    sure = of_mean_probability(branches[:1].expand(3, -1, -1, -1, -1))
    torch.testing.assert_close(sure - sure[:, -1:], branches[0] - branches[0, :, -1:])


@pytest.mark.parametrize("channels", [1, 5])
def test_the_segmenter_cuts_every_branch_back(channels: int) -> None:
    torch.manual_seed(0)
    network = UNetPlusPlus(channels, 2, WIDTHS, "mean", Style("relu", "group", 0.0, "resize"))
    segmenter = Segmenter(network, 16, [0.4] * channels, [0.2] * channels)
    branches = segmenter(images(2, channels, 33, 47))
    assert branches.shape == (4, 2, 2, 33, 47)
    assert segmenter.eval()(images(2, channels, 33, 47)).shape == (2, 2, 33, 47)
    whole = network.train()(F.pad((images(2, channels, 33, 47) - 0.4) / 0.2, (0, 1, 0, 15)))
    assert torch.equal(branches, whole[..., :33, :47])


def test_keeps_no_more_for_the_backward_pass_than_figure_1_asks_for() -> None:
    """Of each node the concatenated input, and of each convolution the norm's input and the activation's result."""
    widths, pixels = (8, 16, 32), 64 * 64
    network = nested("last", widths=widths)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = network(images(2, 3, 64, 64))
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    assert out.shape[0] == 2
    nodes = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)]
    maps = sum(4 * widths[level] * pixels // 4**level for level, _ in nodes)
    joined = sum((column + 1) * widths[level] * pixels // 4**level for level, column in nodes if column)
    # What pooling gives and where it took it from (64-bit places), and the image.
    pooled = sum(3 * widths[level] * pixels // 4 ** (level + 1) for level in (0, 1)) + 3 * pixels
    wanted = 2 * 4 * (maps + joined + pooled)
    found = sum(nbytes for place, nbytes in kept.items() if place not in weights)
    assert wanted <= found <= 1.01 * wanted
