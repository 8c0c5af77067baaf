"""What a network costs: multiply-adds by hand, and a clock that looks at the right passes."""

import pytest
import torch
from torch import Tensor, nn

from segpipe.diagnostics import cost
from segpipe.diagnostics.fake_tensors import fake_copy, shapes_only
from segpipe.models.segmenter import Segmenter


def test_multiply_adds_of_a_convolution_by_hand() -> None:
    network = nn.Conv2d(5, 7, 3, padding=1)
    assert cost.multiply_adds(network, (5, 10, 12)) == 10 * 12 * 9 * 5 * 7


def test_multiply_adds_of_a_transposed_convolution_go_by_what_it_reads() -> None:
    network = nn.ConvTranspose2d(5, 7, 2, stride=2)
    assert cost.multiply_adds(network, (5, 10, 12)) == 10 * 12 * 4 * 5 * 7


def test_what_pads_to_its_stride_pays_for_the_padding() -> None:
    segmenter = Segmenter(nn.Conv2d(3, 2, 3, padding=1), 16, [0.5] * 3, [0.2] * 3)
    assert cost.multiply_adds(segmenter, (3, 17, 30)) == 32 * 32 * 9 * 3 * 2


def test_parameters_count_what_is_shared_once_and_no_buffers() -> None:
    layer = nn.BatchNorm2d(4)
    assert cost.n_parameters(nn.Sequential(layer, nn.Conv2d(4, 2, 1), layer)) == 4 + 4 + 4 * 2 + 2


def test_the_time_is_the_median_of_passes_as_in_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    # A warm-up of 100 s, which does not count, then passes of 1, 9, 2, 8 and 3 s.
    ticks = iter([0.0, 100.0, *(tick for seconds in (1.0, 9.0, 2.0, 8.0, 3.0) for tick in (0.0, seconds))])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(ticks))
    modes = set()

    class Watched(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            modes.add((self.training, torch.is_inference_mode_enabled(), tuple(image.shape)))
            return image

    assert cost.forward_seconds(Watched(), (3, 8, 9), torch.device("cpu")) == 3.0
    assert modes == {(False, True, (1, 3, 8, 9))}


def test_a_shadow_has_the_shapes_and_leaves_the_network_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    network[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with shapes_only():
        twin = fake_copy(network)
        twin(torch.empty(2, 3, 9, 9)).sum().backward()
        state = twin.state_dict()
    assert {name: each.shape for name, each in state.items()} == {name: each.shape for name, each in before.items()}
    assert [each.requires_grad for each in twin.parameters()] == [each.requires_grad for each in network.parameters()]
    assert twin[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())
