"""The shape that all U-Nets have, with blocks and gates that only count and remember."""

import torch
from torch import Tensor, nn

from segpipe.models.layers.u_shape import Decoder, Encoder, PassThrough, UShape


class Add(nn.Module):
    """Adds a number, so that a map tells which blocks it passed."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, features: Tensor) -> Tensor:
        return features + self.amount


class Remembers(nn.Module):
    """A gate that multiplies the skip by 0 and keeps what it was given."""

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        self.given = (skip, below)
        return skip * 0


def twice() -> nn.Module:
    return nn.Upsample(scale_factor=2)


def test_each_block_of_the_encoder_reads_the_halved_map_of_the_one_before() -> None:
    image = torch.rand(2, 3, 8, 12)
    features = Encoder([Add(1.0), Add(10.0), Add(100.0)])(image)
    half = nn.functional.max_pool2d(image + 1, 2)
    wanted = [image + 1, half + 10, nn.functional.max_pool2d(half + 10, 2) + 100]
    assert all(torch.equal(found, right) for found, right in zip(features, wanted, strict=True))


def test_the_skip_stands_before_the_enlarged_map() -> None:
    skip, below = torch.full((1, 2, 4, 4), 1.0), torch.full((1, 3, 2, 2), 2.0)
    found = Decoder([twice()], [PassThrough()], [nn.Identity()])([skip, below])
    assert found[0, :, 0, 0].tolist() == [1, 1, 2, 2, 2]


def test_a_gate_sees_the_skip_and_the_map_below_before_it_is_enlarged() -> None:
    gates = [Remembers(), Remembers()]
    features = [torch.rand(1, 1, 8, 8), torch.rand(1, 2, 4, 4), torch.rand(1, 3, 2, 2)]
    found = Decoder([twice(), twice()], gates, [Add(1.0), Add(10.0)])(features)
    assert torch.equal(gates[0].given[0], features[1]) and torch.equal(gates[0].given[1], features[2])
    assert torch.equal(gates[1].given[0], features[0])
    # What the first level made: the gated skip's two zeros and the three channels from below, all plus 1.
    assert gates[1].given[1][0, :, 0, 0].tolist() == [1, 1, *(features[2][0, :, 0, 0] + 1).tolist()]
    assert found.shape == (1, 6, 8, 8)


def test_a_level_without_a_skip_needs_no_gate() -> None:
    features = [torch.rand(1, 1, 4, 4), torch.rand(1, 2, 2, 2)]
    found = Decoder([twice(), twice()], [PassThrough()], [Add(1.0), Add(10.0)])(features)
    inner = torch.cat([features[0], twice()(features[1])], dim=1) + 1
    assert torch.equal(found, twice()(inner) + 10)


def test_the_whole_is_head_of_decoder_of_encoder() -> None:
    encoder, decoder = Encoder([Add(1.0), Add(2.0)]), Decoder([twice()], [PassThrough()], [nn.Identity()])
    head, image = nn.Conv2d(6, 2, 1), torch.rand(1, 3, 4, 4)
    assert torch.equal(UShape(encoder, decoder, head)(image), head(decoder(encoder(image))))
